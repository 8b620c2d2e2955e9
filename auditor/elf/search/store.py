"""The files of a tree as loaders open them, each looked at once however many programs need it."""

from msgspec import Struct

from auditor.budget import Allowance
from auditor.elf.read.file import ElfFile, NotElf, read_elf
from auditor.filetree import Content, FileKind, FileTree, LookupFault, Node, facts_of

_HEADER_SIZE = 64
_FACT = "elf"
_RECORD = 256  # bytes that each record counts for beside its own: it is looked at, whatever its size


class StoredFile(Struct, frozen=True):
    """Where a path leads: the real path, its node (None where there is none), and for a regular file its ELF."""

    real_path: str
    node: Node | None
    fault: LookupFault | None
    elf: ElfFile | NotElf | None

    @property
    def identity(self) -> int:
        """What two names of one file share."""
        return -1 if self.node is None else self.node.inode


class FileStore:
    """Memoised look-ups in one tree."""

    def __init__(self, tree: FileTree, tables: Allowance) -> None:
        self.tree = tree
        self._tables = tables  # bytes of headers that may still be read
        self._by_path: dict[str, StoredFile] = {}
        self._by_inode: dict[int, ElfFile | NotElf] = {}
        self._listings: dict[str, frozenset[str]] = {}

    def at(self, path: str) -> StoredFile:
        """What open(2) of `path` would give inside the root."""
        stored = self._by_path.get(path)
        if stored is None:
            stored = self._by_path[path] = self._look(path)
        return stored

    def names_in(self, directory: str) -> frozenset[str]:
        """The names in a directory; empty where there is none."""
        names = self._listings.get(directory)
        if names is None:
            names = self._listings[directory] = frozenset(self.tree.listdir(directory))
        return names

    def _look(self, path: str) -> StoredFile:
        found = self.tree.find(path)
        node = found.node
        if node is None or node.kind is not FileKind.REGULAR:
            return StoredFile(found.path, node, found.fault, None)
        elf = self._by_inode.get(node.inode)
        if elf is None:
            elf = self._by_inode[node.inode] = _elf_at(node, found.path, self._tables)
        return StoredFile(found.path, node, None, elf)


def elf_of(content: Content, path: str, tables: Allowance) -> ElfFile | NotElf:
    """What a file is, as it was found for another image that has it, else read. That draws from `tables` either way."""
    facts, before = facts_of(content), tables.used
    match facts.known.get(_FACT):
        case ElfFile() | NotElf() as elf, int(drawn):
            tables.take(drawn, path)
            return elf
    elf = read_elf(_Counted(content, tables, path))
    if isinstance(elf, ElfFile):
        tables.take(_RECORD * _records(elf), path)
    facts.known[_FACT] = elf, tables.used - before
    return elf


def _elf_at(node: Node, path: str, tables: Allowance) -> ElfFile | NotElf:
    if node.content is not None:
        return elf_of(node.content, path, tables)
    # A reader of images keeps the bytes of everything that begins like an ELF file.
    return NotElf("file too short" if node.size < _HEADER_SIZE else "invalid ELF header")


def _records(elf: ElfFile) -> int:
    return len(elf.tags) + len(elf.definitions) + sum(len(need.versions) for need in elf.needs)


class _Counted(Struct, frozen=True):
    """A file's content whose reader draws from a limit."""

    content: Content
    allowance: Allowance
    path: str

    @property
    def size(self) -> int:
        return self.content.size

    def read(self, offset: int = 0, length: int = -1) -> bytes:
        data = self.content.read(offset, length)
        self.allowance.take(len(data), self.path)
        return data
