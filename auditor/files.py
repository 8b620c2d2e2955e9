"""A user's files: small ones (specs, waivers, settings) are read within bounds or told in one line, others put whole.

TOML is read by the standard library, which has three doors that a hostile file may use: nesting (its parser recurses),
digits (an integer of thousands of them) and dots (a key of n parts costs n² steps). All three end here as UsageError.
"""

import contextlib
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from auditor.errors import UnsupportedFormat, UsageError

MAX_BYTES = 1 << 20
_MAX_KEY_PARTS = 64
_KEY_DOT = re.compile(r"""[\w"'-][ \t]*\.""")
# Pipes that a shell opened for us: /dev/stdin, or <(command).
_OPENED = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def read_small_file(path: Path, kind: str, limit: int = MAX_BYTES) -> bytes:
    """The file's bytes; UsageError where it can't be read, holds more than `limit` bytes, or is a pipe or device.

    `kind` names it in the error (`the spec`). A pipe that nobody writes to would be waited for without end.
    """
    try:
        if not str(path).startswith(_OPENED) and not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"can't read {kind}: not a regular file", str(path))
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"can't read {kind}: {error.strerror}", str(path)) from error
    except ValueError as error:  # a NUL in the path
        raise UsageError(f"can't read {kind}: {error}", str(path)) from error
    if len(data) > limit:
        raise UsageError(f"can't read {kind}: it has more than {limit} bytes", str(path))
    return data


def parse_toml(data: bytes, kind: str, where: str) -> dict[str, Any]:
    """The table that the bytes say; UsageError where they are no TOML, or TOML that nobody writes by hand."""
    try:
        text = data.decode()
        for number, line in enumerate(text.splitlines(), start=1):
            if len(_KEY_DOT.findall(line.partition("=")[0])) > _MAX_KEY_PARTS:
                raise UsageError(f"{kind} is not read: a key has more than {_MAX_KEY_PARTS} parts", f"{where}:{number}")
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"{kind} is not read: it is nested too deeply", where) from error
    except ValueError as error:  # not TOML, not UTF-8, or a number that is too long
        raise UsageError(f"{kind} is not TOML: {error}", where) from error


def exists(path: Path) -> bool:
    """Whether something lies there; a path that no system takes leads nowhere."""
    try:
        os.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def refuse_named_pipe(path: Path, where: str) -> None:
    """UnsupportedFormat for a pipe that has a name of its own: opening it would wait for somebody to write.

    What a shell passes as /dev/fd/N or /dev/stdin is open at its other end already.
    """
    try:
        named = stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return  # opening it says what is wrong
    if named and not str(path).startswith(("/dev/fd/", "/dev/stdin", "/proc/")):
        raise UnsupportedFormat(
            "is a named pipe, which is not waited for", where, "name a file, or - for standard input"
        )


@contextlib.contextmanager
def beside(file: Path, data: bytes, *, lasting: bool = False) -> Iterator[Callable[[], object]]:
    """All the data in a file beside that one, with its mode; what is yielded puts it in its place, in one step. It is
    gone at the end, unless it was put there.

    `lasting`: it is on the disk before it is. A link stays one: what it leads to is replaced.
    """
    place = Path(os.path.realpath(file))
    number, name = tempfile.mkstemp(prefix=f".{place.name[:100]}.", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
            os.fchmod(number, _mode(place))
            if lasting:
                stream.flush()
                os.fsync(number)
        yield partial(Path(name).replace, place)
    finally:
        with contextlib.suppress(OSError):  # gone into its place; else what went wrong before is what is told
            Path(name).unlink()


def _mode(file: Path) -> int:
    """The mode of the file that is replaced, or that of a new one."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(file.stat().st_mode)
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
