"""A tar file as a store: its members listed once, and read at random and from several threads."""

import io
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from auditor.archive.compression import LAYER_KINDS, decompressed, kind_of
from auditor.archive.tar import TarReader
from auditor.budget import Budget
from auditor.errors import AuditError, CorruptImage, ImageNotFound, LimitExceeded, SourceUnavailable, UnsupportedFormat
from auditor.files import refuse_named_pipe
from auditor.image.in_place import Place, file_in_place
from auditor.image.layer import normal_path, text_size

_COPY = 1 << 20


class _Member(NamedTuple):
    offset: int
    size: int
    link: str  # where a link leads, as a path inside the archive; "" for a file


class Slice(io.RawIOBase):
    """A range of a file, read by position, so that several may be read at once."""

    def __init__(self, descriptor: int, offset: int, size: int, place: Place | None = None) -> None:
        super().__init__()
        self.place = place
        self._descriptor = descriptor
        self._at = offset
        self._end = offset + size

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; to the end where negative."""
        left = self._end - self._at
        data = os.pread(self._descriptor, left if size < 0 else min(size, left), self._at)
        self._at += len(data)
        return data


class _Seeking:
    """A file as the tar reader wants it: what is skipped isn't read."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self.at = 0

    def read(self, length: int) -> bytes:
        data = os.pread(self._descriptor, length, self.at)
        self.at += len(data)
        return data

    def skip(self, length: int) -> int:
        length = min(length, self._size - self.at)
        self.at += length
        return length


class Archive:
    """The members of one uncompressed tar file, by normal path without leading slash. The last of a name wins."""

    counted = True

    def __init__(self, file: IO[bytes], where: str, budget: Budget) -> None:
        self._file = file
        self.where = where
        self._members: dict[str, _Member] = {}
        descriptor = file.fileno()
        stream = _Seeking(descriptor, os.fstat(descriptor).st_size)
        for entry in TarReader(stream, where):
            budget.entries.take(1, where)
            budget.names.take(text_size(entry.name) + text_size(entry.link), where)
            name = normal_path(entry.name)
            if entry.type == "0" and entry.fragments is None:
                self._members[name[1:]] = _Member(stream.at, entry.size, "")
            elif entry.type == "1":
                self._members[name[1:]] = _Member(0, 0, normal_path(entry.link)[1:])
            elif entry.type == "2":
                target = entry.link if entry.link.startswith("/") else f"{name.rpartition('/')[0]}/{entry.link}"
                self._members[name[1:]] = _Member(0, 0, normal_path(target)[1:])
        self._in_place = file_in_place(descriptor, where)

    def names(self) -> tuple[str, ...]:
        """Every file and link."""
        return tuple(self._members)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._member(name) is not None

    def size(self, name: str) -> int | None:
        """A member's length in bytes, None where there is none."""
        member = self._member(name)
        return None if member is None else member.size

    def identity(self, name: str) -> str:
        """The same for every name of the same bytes."""
        member = self._member(name)
        return name if member is None else str(member.offset)

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a member that must be there and no longer than `limit`."""
        member = self._need(name)
        if member.size > limit:
            raise LimitExceeded(
                f"{name} has {member.size} bytes, over the limit of {limit}", self.where, "this is no image archive"
            )
        data = Slice(self._file.fileno(), member.offset, member.size).read()
        if len(data) != member.size:
            raise CorruptImage(f"ends inside {name}", self.where, "the file was cut; get it again")
        return data

    def open(self, name: str) -> BinaryIO:
        """A member that must be there, to be read from its beginning."""
        member = self._need(name)
        place = None if self._in_place is None else Place(self._in_place, member.offset)
        return Slice(self._file.fileno(), member.offset, member.size, place)  # type: ignore[return-value]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _member(self, name: str) -> _Member | None:
        member = self._members.get(name)
        for _ in range(40):
            if member is None or not member.link:
                return member
            member = self._members.get(member.link)
        return None

    def _need(self, name: str) -> _Member:
        member = self._member(name)
        if member is None:
            raise CorruptImage(f"has no {name}", self.where, "the archive is not complete; save the image again")
        return member


def open_archive(path: Path, where: str, budget: Budget) -> Archive:
    """The tar at `path`; if it is compressed as a whole (or a pipe), by way of an unlinked temporary file.

    Raises ImageNotFound, SourceUnavailable, UnsupportedFormat where it is no tar, CorruptImage where it is cut.
    """
    if str(path) == "-":
        return from_file(os.fdopen(os.dup(0), "rb", buffering=0), "standard input", budget)
    refuse_named_pipe(path, where)
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise ImageNotFound("no such file", where, "check the path") from None
    except IsADirectoryError:
        raise UnsupportedFormat("is a directory, not an archive", where, "use oci-dir: or dir:") from None
    except OSError as error:
        raise SourceUnavailable(f"can't be opened ({error.strerror})", where, "check its permissions") from error
    return from_file(file, where, budget)


def from_file(file: IO[bytes], where: str, budget: Budget) -> Archive:
    """As `open_archive`, for a file that is open; it is closed with the archive, or at an error."""
    try:
        plain = _plain(file, where, budget)
    except BaseException:
        file.close()
        raise
    if plain is not file:
        file.close()
    try:
        _check_first(plain, where)
        return Archive(plain, where, budget)
    except BaseException:
        plain.close()
        raise


def _check_first(file: IO[bytes], where: str) -> None:
    """Tell a file of another kind from a damaged tar."""
    first = os.pread(file.fileno(), 512, 0)
    if first[257:262] == b"ustar" or (len(first) == 512 and not first[100:108].strip(b"0123456789 \0")):
        return
    remedy = "name a file that docker save, podman save or skopeo copy wrote"
    raise UnsupportedFormat("is empty" if not first else "is not an image archive", where, remedy)


def _plain(file: IO[bytes], where: str, budget: Budget) -> IO[bytes]:
    """The file itself where it is an uncompressed regular file, else a temporary one with its bytes uncompressed."""
    seekable = file.seekable()
    first = file.read(8)
    if seekable:
        file.seek(0)
    kind = kind_of(first)
    if kind not in LAYER_KINDS:
        if seekable:
            budget.stored(os.fstat(file.fileno()).st_size)
            return file
        kind = ""
    rest = _counted(iter(partial(file.read, _COPY), b""), budget)
    pieces = decompressed(rest if seekable else chain((first,), rest), kind, where)
    spool = tempfile.TemporaryFile(prefix="audit-image-")  # noqa: SIM115 - the archive closes it
    try:
        for data in pieces:
            budget.uncompressed.take(len(data), where)
            spool.write(data)
        spool.flush()
    except AuditError:
        spool.close()
        raise
    except OSError as error:
        spool.close()
        raise AuditError(f"can't be unpacked ({error.strerror})", where, "free some space or set TMPDIR") from error
    return spool


def _counted(pieces: Iterator[bytes], budget: Budget) -> Iterator[bytes]:
    """Stored bytes as they are read: how many there will be is not known of a pipe."""
    for piece in pieces:
        budget.stored(len(piece))
        yield piece
