"""The folder that a cache lies in: made if it is not there, and trusted only where nobody else may write.

Who can write it can write verdicts. So it belongs to the user who runs, is no link, and neither is the file in it.
"""

import contextlib
import os
import stat
from pathlib import Path

VARIABLE = "AUDIT_IMAGE_CACHE_DIR"
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Unusable(Exception):
    """The cache can't be used, and why; a run does without."""


def cache_folder() -> Path | None:
    """Where it is: what the variable says, None where that is empty; else the user's own place for caches.

    A user who has no home has no such place.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named).absolute() if named else None
    from platformdirs import user_cache_path  # noqa: PLC0415 - only without the variable

    try:
        folder = user_cache_path("audit-image", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # older releases of platformdirs say `~`


def make_folder(folder: Path) -> None:
    """Make it where it is not there, for this user alone; Unusable where it can't be made or trusted."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        descriptor = os.open(folder, _DIRECTORY)
    except OSError as error:
        raise Unusable(f"{folder}: {error.strerror}") from error
    try:
        _check_owner(os.fstat(descriptor), folder)
    finally:
        os.close(descriptor)


def make_file(file: Path) -> None:
    """Make an empty file where there is none, for this user alone; Unusable where it can't be made or trusted."""
    try:
        os.close(open_file(file, os.O_RDWR | os.O_CREAT))
    except FileNotFoundError as error:
        raise Unusable(f"{file}: {error.strerror}") from error


def open_file(file: Path, flags: int) -> int:
    """A descriptor of a file that only this user may write. FileNotFoundError where there is none and none is to be
    made; Unusable where it can't be opened or trusted.
    """
    try:
        descriptor = os.open(file, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        _check_owner(status, file)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise Unusable(f"{file}: is no file of its own")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_owner(status: os.stat_result, path: Path) -> None:
    if status.st_uid != os.geteuid():
        raise Unusable(f"{path}: belongs to another user")
    if status.st_mode & _OTHERS:
        raise Unusable(f"{path}: others may write it")
