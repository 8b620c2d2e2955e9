"""Which files' contents are kept while an image goes by: each reader says what it needs, in these words.

A layer's facts don't depend on other layers: a file's path, size, mode and first bytes decide. All other contents are
hashed and forgotten.
"""

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

SMALL = 64 << 10  # bytes; scripts and configuration are rarely larger
LARGE = 512 << 20  # bytes; no program, module or database that the audit reads is larger

#: (path, permission bits, size in bytes, at least the first four bytes where it has as many) -> whether it is kept
Keep = Callable[[str, int, int, bytes], bool]


class NamedKeep:
    """A policy that is the same in every run of the same code: its name tells it from others. Made when it is first
    asked: an image that is remembered is not read.
    """

    __slots__ = ("_keep", "_make", "name")

    def __init__(self, name: str, make: Callable[[], Keep]) -> None:
        self.name = name
        self._make = make
        self._keep: Keep | None = None

    def __call__(self, path: str, mode: int, size: int, head: bytes) -> bool:
        """Whether a file is kept."""
        if self._keep is None:
            self._keep = self._make()
        return self._keep(path, mode, size, head)


class Kept(Struct, frozen=True):
    """The regular files that one reader may ask for. All paths are absolute, directories end with a slash."""

    files: frozenset[str] = frozenset()
    below: tuple[str, ...] = ()  # directories with all that is below them
    endings: tuple[tuple[str, tuple[str, ...]], ...] = ()  # a directory, and how the names of the files in it end
    heads: tuple[bytes, ...] = ()  # first bytes that tell a file wherever it lies
    small: tuple[str, ...] = ()  # directories whose small files are kept
    small_named: re.Pattern[str] | None = None  # paths whose small files are kept
    small_programs: bool = False  # small files with an execute bit, wherever they lie


def policy(wanted: Iterable[Kept]) -> Keep:
    """What all of them want, as a layer's reader asks it."""
    parts = tuple(wanted)
    files = frozenset[str]().union(*(part.files for part in parts))
    below = tuple(path for part in parts for path in part.below)
    endings = tuple(pair for part in parts for pair in part.endings)
    directories = tuple(directory for directory, _ in endings)
    heads = tuple(head for part in parts for head in part.heads)
    small = tuple(path for part in parts for path in part.small)
    patterns = tuple(part.small_named.search for part in parts if part.small_named is not None)
    small_programs = any(part.small_programs for part in parts)

    def keep(path: str, mode: int, size: int, head: bytes) -> bool:
        if size > LARGE:
            return False
        if head.startswith(heads) or path in files or path.startswith(below):
            return True
        if path.startswith(directories) and any(
            path.startswith(directory) and path.endswith(ends) for directory, ends in endings
        ):
            return True
        if size > SMALL:
            return False
        if (small_programs and mode & 0o111) or path.startswith(small):
            return True
        return any(matches(path) for matches in patterns)

    return keep
