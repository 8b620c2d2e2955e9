"""One file of an archive, and how a reader is told which ones to hand over with their bytes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from msgspec import Struct

from auditor.errors import LimitExceeded

_T = TypeVar("_T")

MAX_MEMBERS = 500_000
MAX_PATH = 4096  # bytes: PATH_MAX

#: (path, size in bytes) -> whether the bytes are wanted
Keep = Callable[[str, int], bool]


class Member(Struct, frozen=True):
    """A regular file. `path` has no leading slash or dot; `data` is None where it wasn't wanted."""

    path: str
    size: int
    data: bytes | None


def clean_path(name: str) -> str:
    """A member's path as others write it: relative to the root, `.` and empty parts left out."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def counted(members: Iterable[_T], where: str) -> Iterator[_T]:
    """The same members; LimitExceeded past `MAX_MEMBERS`."""
    for number, member in enumerate(members):
        if number == MAX_MEMBERS:
            raise LimitExceeded(
                f"the archive has more than {MAX_MEMBERS} members", where, "no kernel has that many files"
            )
        yield member
