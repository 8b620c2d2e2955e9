"""Files of this machine whose bytes are left where they lie: hashed once, and read again when somebody asks for them.

Between the two nobody may have changed them, or a verdict would be about bytes that have no digest. A file is taken
only where none but its owner, who is the user or root, may write to it: others could change it through a mapping of
its pages, which no time stamp tells. What the owner's programs write to it shows in its size and time stamps; these are
compared before anything is made of what was read. (What the owner changes through a mapping need not show; whoever can
do that can also write the report.)
"""

import hashlib
import io
import os
import stat
import time
import weakref
from typing import BinaryIO

from msgspec import Struct

from auditor.errors import AuditError

_OTHERS = stat.S_IWGRP | stat.S_IWOTH  # the group's bits stand for access control lists too (acl(5))
_CHUNK = 1 << 20
_STEP = 50_000_000  # nanoseconds; a kernel's clock for time stamps goes on every 1 to 10 ms
_LONG_STEP = 2_000_000_000  # of file systems that store whole seconds, or every other


class FileInPlace:
    """One open file, read by position from any thread. `size` is its length."""

    def __init__(self, descriptor: int, status: os.stat_result, where: str) -> None:
        self._descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)  # its contents may outlive the reader of one image
        self._status = status
        self._layers: list[tuple[int, int, str]] = []
        self._where = where
        self.size = status.st_size

    @property
    def unlinked(self) -> bool:
        """Whether it has no name any more: its bytes lie there for as long as it is open."""
        return os.fstat(self._descriptor).st_nlink == 0

    def has_layer(self, offset: int, size: int, digest: str) -> None:
        """So many bytes from there on had this digest when they were read."""
        self._layers.append((offset, size, digest))

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; AuditError where they aren't there any more."""
        parts: list[bytes] = []
        left = length
        while left:
            try:
                data = os.pread(self._descriptor, left, offset)
            except OSError as error:
                raise AuditError(f"can't be read ({error.strerror})", self._where, "try again") from error
            if not data:
                raise self._changed()
            if len(data) == length:
                return data
            parts.append(data)
            left -= len(data)
            offset += len(data)
        return b"".join(parts)

    def has_changed(self) -> bool:
        """Whether its bytes may be others than when it was opened.

        Any write sets the time of modification, which can be set back; the time of change can't. That one is also set
        when a name of the file comes or goes, or its mode: where nothing else shows, its layers are hashed again.
        """
        then = self._status
        try:
            now = os.fstat(self._descriptor)
        except OSError:
            return True
        if _bytes_of(now) != _bytes_of(then):
            return True
        if now.st_ctime_ns == then.st_ctime_ns:
            return False
        if any(self._digest(offset, size, digest.partition(":")[0]) != digest for offset, size, digest in self._layers):
            return True
        self._status = now
        return False

    def _digest(self, offset: int, size: int, algorithm: str) -> str:
        """Of bytes as they are now; "" where they can't be read."""
        state = hashlib.new(algorithm, usedforsecurity=False)
        try:
            for at in range(0, size, _CHUNK):
                state.update(self.read(offset + at, min(_CHUNK, size - at)))
        except AuditError:
            return ""
        return f"{algorithm}:{state.hexdigest()}"

    def check(self) -> None:
        """AuditError where it has changed."""
        if self.has_changed():
            raise self._changed()

    def close(self) -> None:
        """Its contents can't be read from now on."""
        self._close()
        self._descriptor = -1

    def _changed(self) -> AuditError:
        return AuditError("changed while it was read", self._where, "audit it again when nobody writes to it")


class Place(Struct, frozen=True):
    """Where the bytes of a stored layer begin in a file."""

    file: FileInPlace
    offset: int


def file_in_place(descriptor: int, where: str) -> FileInPlace | None:
    """The file that is open there, from now on watched; None where its bytes can't be relied on to stay.

    One descriptor more is open for it; where there is none to be had, its bytes are not left there either.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not _kept_by_owner(status) or not _settled(status):
        return None
    try:
        return FileInPlace(os.dup(descriptor), status, where)
    except OSError:
        return None


def place_of(file: BinaryIO, where: str, *, own: bool = True) -> Place | None:
    """Where a layer's bytes lie that are about to be read; None where they are in no such file. `own`: that may be a
    file of its own, which is kept open for it.
    """
    place = getattr(file, "place", None)
    if isinstance(place, Place):
        return place
    if not (own and isinstance(file, io.FileIO)):
        return None
    found = file_in_place(file.fileno(), where)
    return None if found is None else Place(found, 0)


def _bytes_of(status: os.stat_result) -> tuple[int, int, int, int]:
    """What any write changes, or another file has otherwise."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _kept_by_owner(status: os.stat_result) -> bool:
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & _OTHERS


def _settled(status: os.stat_result) -> bool:
    """Whether its next change will have another time than its last: stamps go by steps. Without a name, who could?"""
    step = _STEP if status.st_ctime_ns % 1_000_000_000 else _LONG_STEP
    return status.st_nlink == 0 or time.time_ns() - status.st_ctime_ns > step
