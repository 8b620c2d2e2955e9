"""A stream of pieces, read and skipped by length, with a bound on the whole."""

from collections.abc import Iterator

from auditor.archive.compression import REMEDY
from auditor.errors import CorruptImage, LimitExceeded


class Stream:
    """Bytes that arrive in pieces. `position` counts those that were read or skipped."""

    def __init__(self, pieces: Iterator[bytes], limit: int, where: str) -> None:
        self.position = 0
        self._pieces = pieces
        self._left = limit
        self._limit = limit
        self._where = where
        self._buffer = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. CorruptImage where the stream ends before, LimitExceeded where it is too long."""
        if size <= len(self._buffer):
            data = bytes(self._buffer[:size])
            self._buffer = self._buffer[size:]
            self.position += size
            return data
        parts = []
        left = size
        while left:
            part = self._next(left)
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes; errors as `read`'s."""
        while size:
            size -= len(self._next(size))

    def drain(self) -> None:
        """Read to the end, so that the last checksums are checked."""
        self._buffer = memoryview(b"")
        for piece in self._pieces:
            self._count(piece)

    def _next(self, wanted: int) -> memoryview:
        while not self._buffer:
            piece = next(self._pieces, None)
            if piece is None:
                raise CorruptImage("the archive is cut short", self._where, REMEDY)
            self._count(piece)
            self._buffer = memoryview(piece)
        part = self._buffer[:wanted]
        self._buffer = self._buffer[wanted:]
        self.position += len(part)
        return part

    def _count(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise LimitExceeded(f"it unpacks to more than {self._limit} bytes", self._where, "no kernel is that large")
