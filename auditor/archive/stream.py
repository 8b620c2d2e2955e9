"""A stream of pieces, read and skipped by length."""

from collections.abc import Iterator

from auditor.archive import REMEDY
from auditor.errors import CorruptImage, LimitExceeded


class Stream:
    """Bytes that arrive in pieces, none of which is empty, and go by once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """How many bytes went by."""
        return self._before + self._at

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes; fewer at the end."""
        at = self._at
        end = at + length
        if end <= len(self._piece):
            self._at = end
            return self._piece[at:end]
        parts = [self._piece[at:]]
        left = length - len(parts[0])
        self._at = len(self._piece)
        while left and self._next():
            parts.append(self._piece[:left])
            self._at = len(parts[-1])
            left -= self._at
        return b"".join(parts)

    def exactly(self, length: int, where: str) -> bytes:
        """`length` bytes; CorruptImage where there are fewer."""
        data = self.read(length)
        if len(data) != length:
            raise CorruptImage("the archive is cut short", where, REMEDY)
        return data

    def skip(self, length: int) -> int:
        """Pass over `length` bytes; how many there were."""
        left = length - (len(self._piece) - self._at)
        if left <= 0:
            self._at += length
            return length
        self._at = len(self._piece)
        while left and self._next():
            self._at = min(left, len(self._piece))
            left -= self._at
        return length - left

    def drain(self) -> None:
        """Read to the end, so that what is checked there is checked."""
        while self._next():
            pass
        self._at = len(self._piece)

    def _next(self) -> bool:
        piece = next(self._pieces, b"")
        if not piece:
            return False
        self._before += len(self._piece)
        self._piece = piece
        self._at = 0
        return True


def bounded(pieces: Iterator[bytes], limit: int, where: str) -> Iterator[bytes]:
    """The same pieces; LimitExceeded past `limit` bytes."""
    left = limit
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise LimitExceeded(f"it unpacks to more than {limit} bytes", where, "no kernel is that large")
        yield piece
