"""A sweep's lines in a file, which is also what a sweep that was interrupted goes on from.

Each line is appended whole and is on the disk before the next image counts as done. What a crash left of a last line
is cut off. When the sweep is over, the file is put in order in one step: the lines of this sweep, as the images were
named; so it is the same file, however often the sweep was interrupted.
"""

import fcntl
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from auditor.errors import UsageError
from auditor.files import beside
from auditor.report.sweep.document import from_line
from auditor.report.sweep.model import SweepImage

_BEGINNING = b'{"schema_version"'  # of each line
_LONGEST = 64 << 20  # bytes of one line; an image's has some ten thousand


class Journal:
    """The file of one sweep, held against other sweeps. UsageError says what is wrong with it."""

    def __init__(self, file: Path, *, fresh: bool = False) -> None:
        self.path = file
        try:
            self._file: BinaryIO = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        except OSError as error:
            raise self._error(error) from error
        try:
            self.known = self._begin(fresh=fresh)
        except OSError as error:
            self.close()
            raise self._error(error) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, *, fresh: bool) -> tuple[SweepImage, ...]:
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            raise UsageError(
                "can't be gone on from: it is no regular file", str(self.path), "write -o jsonl for a pipe"
            )
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                "another sweep is writing it", str(self.path), "wait for it, or name another file"
            ) from error
        if fresh:
            self._file.truncate(0)
        return tuple(self._read())

    def _read(self) -> Iterable[SweepImage]:
        """What is there; the end of a line that was being written is cut off."""
        whole = number = 0
        while line := self._file.readline(_LONGEST):
            number += 1
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                image = from_line(line)
            except ValueError as error:
                what = f"line {number} was not written by a sweep ({error})"
                raise UsageError(what, str(self.path), "name another file, or start over with --fresh") from error
            if image is not None:
                yield image
        if number and not whole and not _BEGINNING.startswith(line[: len(_BEGINNING)]):
            raise UsageError(
                "was not written by a sweep", str(self.path), "name another file, or start over with --fresh"
            )
        self._file.truncate(whole)
        self._file.seek(whole)

    def add(self, lines: Iterable[str]) -> None:
        """Append lines, and wait until they are on the disk."""
        try:
            self._file.write("".join(lines).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._error(error) from error

    def finish(self, lines: Iterable[str]) -> None:
        """Put the file in order: these lines, and no others."""
        data = "".join(lines).encode()
        try:
            self._file.seek(0)
            if self._file.read() == data:
                return
            with beside(self.path, data, lasting=True) as put:
                put()
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def _error(self, error: OSError) -> UsageError:
        return UsageError(f"can't write the lines: {error.strerror or error}", str(self.path))
