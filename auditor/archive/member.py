"""One file of an archive, and how a reader is told which ones to hand over with their bytes."""

from collections.abc import Callable
from dataclasses import dataclass

MAX_MEMBERS = 500_000
MAX_PATH = 4096  # bytes: PATH_MAX

#: (path, size in bytes) -> whether the bytes are wanted
Keep = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file. `path` has no leading slash or dot; `data` is None where it wasn't wanted."""

    path: str
    size: int
    data: bytes | None


def clean_path(raw: bytes) -> str:
    """A member's path as others write it: relative to the root, `.` and empty parts left out."""
    parts = raw.decode("utf-8", "surrogateescape").split("/")
    return "/".join(part for part in parts if part not in ("", "."))
