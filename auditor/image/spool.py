"""Where the bytes of an image wait until they are asked for: one file that has no name."""

import os
import tempfile
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from auditor.budget import Allowance
from auditor.errors import AuditError
from auditor.filetree import Facts


class Readable(Protocol):
    """Bytes that can be read anywhere, by several threads."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""


class Spool:
    """An unlinked temporary file. Ranges are reserved, filled and read from any thread; closing gives the disk back."""

    def __init__(self, kept: Allowance) -> None:
        self._descriptor = -1
        self._close: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._kept = kept
        self._end = 0

    def count(self, size: int) -> None:
        """Account for so many bytes that are kept, here or elsewhere."""
        self._kept.take(size, "the image's programs, scripts and databases")

    def reserve(self, size: int) -> int:
        """The offset of `size` fresh bytes, all zero until written."""
        self.count(size)
        with self._lock:
            if self._descriptor < 0:  # where all that is kept stays in place, there is none
                self._open()
            offset = self._end
            self._end = offset + size
        return offset

    def write(self, data: bytes, offset: int) -> None:
        """Put `data` at `offset` of a reserved range."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                view = view[written:]
                offset += written
        except OSError as error:
            raise _unwritable(error) from error

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; what was reserved and never written reads as zero."""
        data = os.pread(self._descriptor, length, offset)
        if len(data) == length:
            return data
        parts = [data]
        got = len(data)
        while got < length:
            data = os.pread(self._descriptor, length - got, offset + got)
            if not data:  # a hole at the very end
                parts.append(bytes(length - got))
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def close(self) -> None:
        """Free the bytes; contents can't be read from now on."""
        if self._close is not None:
            self._close()
        self._descriptor = -1

    def _open(self) -> None:
        try:
            file = tempfile.TemporaryFile(prefix="audit-image-")  # noqa: SIM115 - lives as long as the spool
        except OSError as error:
            raise _unwritable(error) from error
        self._close = weakref.finalize(self, file.close)  # where its contents outlive the reader of one image
        self._descriptor = file.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unwritable(error: OSError) -> AuditError:
    where = tempfile.tempdir or "temporary files"  # asked for anew, a place that there is none of is an error too
    remedy = "free some space there or set TMPDIR to a larger place"
    return AuditError(f"can't write ({error.strerror or error})", where, remedy)


class SpooledContent:
    """One file's bytes among others (`auditor.filetree.Content`)."""

    __slots__ = ("_facts", "_offset", "_size", "_spool")

    def __init__(self, spool: Readable, offset: int, size: int) -> None:
        self._spool = spool
        self._offset = offset
        self._size = size
        self._facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What is known of them."""
        if self._facts is None:
            self._facts = Facts()
        return self._facts

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._size

    def read(self, offset: int = 0, length: int = -1) -> bytes:
        """Up to `length` bytes from `offset`; to the end where negative."""
        if offset < 0:
            raise ValueError("negative offset")
        left = max(0, self._size - offset)
        wanted = left if length < 0 else min(length, left)
        return self._spool.read(self._offset + offset, wanted) if wanted else b""
