"""One damage at a time, chosen by a seed: a field of a table, or a file as a whole."""

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.elf.model import Loader
from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.symbols import SymbolTable
from auditor.filetree import Content, FileTree
from benchmarks.differential.overlay import Overlay
from benchmarks.differential.scene import CACHE, Scene, Sound
from benchmarks.differential.tables import Table, tables

_Change = tuple[
    str, str, bytes | None, int
]  # the table, what is done to it, the file then, and its mode (0: as it was)
_PAGE = 4096
_HOT = 0.75  # how often an entry that is surely used is chosen
_MAGIC = frozenset(("EI_0", "EI_1", "EI_2", "EI_3"))
#: Of programs and loaders, what an emulator reads itself instead of the kernel.
_KERNELS = frozenset(("ELF header", "program headers", "interpreter", "whole file", "page of zeros"))


@dataclass(frozen=True)
class Damage:
    """A file of a program's closure as it becomes. `data` None: it is gone."""

    program: Sound
    table: str
    what: str
    path: str
    data: bytes | None = field(repr=False)
    mode: int

    def tree(self, base: FileTree) -> Overlay:
        """The tree with it."""
        return Overlay(base, self.path, self.data, self.mode)


class Vandal:
    """Damages of one scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._wanted: dict[tuple[str, ...], frozenset[bytes]] = {}
        self._tables: dict[tuple[tuple[str, ...], str], list[Table]] = {}

    def damages(self, seed: str, count: int) -> Iterator[Damage]:
        """So many, the same for the same seed."""
        chance = random.Random(f"{self._scene.name} {seed}")  # noqa: S311 - not for secrets
        made = 0
        while made < count:
            damage = self._damage(chance)
            if damage is not None:
                made += 1
                yield damage

    def _damage(self, chance: random.Random) -> Damage | None:
        program = chance.choice(self._scene.programs)
        path = self._victim(chance, program)
        node = self._scene.tree.find(path).node
        assert node is not None and node.content is not None, path
        data = node.content.read()
        made = self._change(chance, program, path, data)
        if made is None or (made[2] == data and made[3] == node.mode):
            return None
        table, what, changed, mode = made
        starter = path in (program.files[0], self._loader(program))
        if self._scene.emulated and starter and table in _KERNELS:
            return None
        if self._scene.emulated and path == program.files[0] and table == "note":
            return None  # of a program that names a loader, the emulator reads properties that no kernel does
        return Damage(program, table, what, path, changed, mode or node.mode)

    def _change(self, chance: random.Random, program: Sound, path: str, data: bytes) -> _Change | None:
        if path == CACHE:
            return _cache(chance, data)
        kind = chance.randrange(16)
        if kind == 0:
            return self._whole(chance, program, path, data)
        return (self._zeros if kind == 1 else self._field)(chance, program, path, data)

    def _victim(self, chance: random.Random, program: Sound) -> str:
        """The program, its loader or libc more often than each of the other files."""
        files = program.files
        libc = [path for path in files if "/libc.so" in path or "/libc-" in path]
        groups = [[files[0]], [self._loader(program)], libc, [*files], [*files], [*files]]
        if self._scene.tree.find(CACHE).node is not None and chance.random() < 0.03:
            return CACHE
        return chance.choice(chance.choice([group for group in groups if group]))

    def _loader(self, program: Sound) -> str:
        return self._scene.tree.find(program.closure.interpreter or "").path

    # A field

    def _field(self, chance: random.Random, program: Sound, path: str, data: bytes) -> _Change | None:
        elf_tables = self._tables_of(program, path)
        names = sorted({table.name for table in elf_tables})
        name = chance.choice(names)
        table = chance.choice([table for table in elf_tables if table.name == name])
        if not table.offsets:
            return None
        number = chance.randrange(len(table.offsets))
        if table.hot and chance.random() < _HOT:
            number = chance.choice(table.hot)
        label, within, size = chance.choice(table.fields)
        offset = table.offsets[number] + within
        if offset + size > len(data):
            return None
        order = self._elf(path).byte_order
        before = int.from_bytes(data[offset : offset + size], order)
        other = table.offsets[chance.randrange(len(table.offsets))] + within
        neighbour = int.from_bytes(data[other : other + size], order)
        after = _mutated(chance, before, size, neighbour)
        if label in _MAGIC and program.closure.loader is Loader.MUSL:
            return None  # musl takes a library without the magic number; the auditor doesn't take it for an ELF file
        if name == "version indexes" and after & 0x7FFF > self._last_version(path):
            return None  # what lies in the loader's memory behind its list of versions is nobody's to tell
        what = f"{label} of entry {number}: {before:#x} becomes {after:#x}"
        return table.name, what, data[:offset] + after.to_bytes(size, order) + data[offset + size :], 0

    def _last_version(self, path: str) -> int:
        elf = self._elf(path)
        needed = [version.index for need in elf.needs for version in need.versions]
        return max((*needed, *(version.index for version in elf.definitions)), default=0)

    def _tables_of(self, program: Sound, path: str) -> list[Table]:
        key = (program.argv, path)
        if key not in self._tables:
            node = self._scene.tree.find(path).node
            assert node is not None and node.content is not None
            self._tables[key] = [*tables(node.content, self._elf(path), self._wanted_by(program))]
        return self._tables[key]

    def _wanted_by(self, program: Sound) -> frozenset[bytes]:
        """The names that the files of a program look up."""
        if program.argv not in self._wanted:
            names: set[bytes] = set()
            for path in program.files:
                elf = self._elf(path)
                with contextlib.suppress(Unreadable):
                    names |= {each.name for each in SymbolTable(elf.memory(self._content(path)), elf).references()}
            self._wanted[program.argv] = frozenset(names)
        return self._wanted[program.argv]

    def _content(self, path: str) -> Content:
        node = self._scene.tree.find(path).node
        assert node is not None and node.content is not None
        return node.content

    def _elf(self, path: str) -> ElfFile:
        elf = read_elf(self._content(path))
        assert isinstance(elf, ElfFile)
        return elf

    # A file

    def _whole(self, chance: random.Random, program: Sound, path: str, data: bytes) -> _Change | None:
        what = chance.choice(("cut", "cut", "cut", "empty", "text", "gone", "other", "mode", "zeros"))
        name = "whole file"
        if what == "cut":
            size = chance.choice(
                (chance.randrange(len(data)), chance.randrange(_PAGE), len(data) - chance.randrange(64))
            )
            return name, f"cut to {size} bytes", data[:size], 0
        if what == "other":
            other = chance.choice(program.files)
            return name, f"replaced by {other}", self._content(other).read(), 0
        if what == "mode":
            return (name, "mode 0644", data, 0o644) if path == self._loader(program) else None
        changed = {"empty": b"", "text": b"/* GNU ld script */\n" * 40, "gone": None, "zeros": bytes(len(data))}
        return name, what, changed[what], 0

    def _zeros(self, chance: random.Random, program: Sound, path: str, data: bytes) -> _Change | None:
        table = chance.choice(self._tables_of(program, path))
        if not table.offsets:
            return None
        offset = table.offsets[chance.randrange(len(table.offsets))] // _PAGE * _PAGE
        size = min(_PAGE, len(data) - offset)
        return "page of zeros", f"at {offset:#x}", data[:offset] + bytes(size) + data[offset + size :], 0


def _cache(chance: random.Random, data: bytes) -> _Change | None:
    if not data:
        return None
    offset = chance.choice((chance.randrange(min(len(data), 48)), chance.randrange(len(data))))
    after = _mutated(chance, data[offset], 1, data[chance.randrange(len(data))])
    what = f"byte {offset}: {data[offset]:#x} becomes {after:#x}"
    return "ld.so.cache", what, data[:offset] + bytes((after,)) + data[offset + 1 :], 0


def _mutated(chance: random.Random, value: int, size: int, neighbour: int) -> int:
    """Another value of a field, near or far."""
    top = 1 << 8 * size
    return chance.choice(
        (
            value ^ 1 << chance.randrange(8 * size),
            value ^ 1 << chance.randrange(8 * size),
            value ^ 1 << chance.randrange(min(8 * size, 16)),
            (value + 1) % top,
            (value - 1) % top,
            (value + 8) % top,
            (value + _PAGE) % top,
            (value - _PAGE) % top,
            0,
            top - 1,
            chance.randrange(top),
            chance.randrange(256),
            neighbour,
            neighbour,
        )
    )
