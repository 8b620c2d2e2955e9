"""Objects, trees and a loader for tests that look at single values: made in memory, with nothing on a disk."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

from msgspec.structs import replace

from auditor.elf.model import Loader
from auditor.elf.read.file import ElfFile, NotElf
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped
from auditor.elf.search.store import StoredFile
from auditor.filetree import FileKind, LookupFault
from auditor.machine import architecture
from tests.tools.elves import Elf, parsed

CONTENT = Elf().content()
ELF = parsed(CONTENT)
_AMD64 = architecture("amd64")
assert _AMD64 is not None
AMD64 = _AMD64
GLIBC = LoaderProfile(Loader.GLIBC, "/ld.so", "/ld.so", AMD64, (), platform="x86_64")

Given = Mapping[str, ElfFile | NotElf | LookupFault]


class Files:
    """A tree of just these files, and of links that lead nowhere; what lies in a `suid` is set-uid."""

    def __init__(self, files: Given) -> None:
        self._files = files

    def at(self, path: str) -> StoredFile:
        found = self._files.get(path, LookupFault.MISSING)
        if isinstance(found, LookupFault):
            return StoredFile(path, None, found, None)
        mode = 0o4755 if "/suid/" in path else 0o755
        return StoredFile(path, Mock(kind=FileKind.REGULAR, mode=mode, content=CONTENT, inode=path), None, found)

    def names_in(self, directory: str) -> frozenset[str]:
        start = directory.rstrip("/") + "/"
        return frozenset(path.removeprefix(start).split("/")[0] for path in self._files if path.startswith(start))


def mapped(
    path: str, elf: ElfFile = ELF, *, needer: Mapped | None = None, found_by: str = "path", **fields: Any
) -> Mapped:
    """An object that a loader has mapped; `fields` are those in which it differs from `elf`."""
    own = replace(elf, **fields)
    stored = StoredFile(path, Mock(inode=path), None, own)
    return Mapped(path, path, stored, own, needer, found_by, {path.rpartition("/")[2]})
