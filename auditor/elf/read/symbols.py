"""The dynamic symbols of an object in bulk: what it offers to others, and what its relocations ask for.

Everything is found as a loader finds it, from PT_DYNAMIC: definitions through the hash table (a symbol that isn't
hashed can't be found), references through relocations (a symbol that nothing relocates is never looked up).

A *key* names a symbol for comparison: `name` or, with a version, `name NUL version`, in bytes.
"""

import struct
import sys
from array import array
from dataclasses import dataclass
from typing import NamedTuple

from auditor.elf.read.file import ElfFile, Tag, dynamic_strings
from auditor.elf.read.memory import Memory, Unreadable, Window
from auditor.filetree import Content
from auditor.machine import Machine

_STB_LOCAL, _STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE = 0, 1, 2, 10
_BINDINGS = frozenset((_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE))
STT_OBJECT, _STT_TLS, STT_GNU_IFUNC = 1, 6, 10
_TYPES = frozenset((0, 1, 2, 5, _STT_TLS, STT_GNU_IFUNC))  # NOTYPE OBJECT FUNC COMMON TLS GNU_IFUNC
_STV_LOCAL = frozenset((1, 2))  # INTERNAL, HIDDEN
_SHN_UNDEF, _SHN_ABS = 0, 0xFFF1
_HIDDEN = 0x8000  # of a version index
_HASH_LIMIT = 1 << 26  # entries
_CHAIN_LIMIT = 1 << 16  # symbols of one hash bucket

# The processor supplements' R_*_COPY.
_COPY: dict[int, int] = {
    Machine.I386: 5,
    Machine.PPC64: 19,
    Machine.S390: 9,
    Machine.ARM: 20,
    Machine.X86_64: 5,
    Machine.AARCH64: 1024,
    Machine.RISCV: 4,
    Machine.LOONGARCH: 4,
}


_Row = tuple[int, int, int, int, int, int]  # name, info, other, section, value, size


class Definition(NamedTuple):
    """One hashed symbol that others may bind to. `version_index` is 1 and `version` empty where it has none."""

    name: bytes
    version: bytes
    version_index: int
    hidden: bool
    type: int
    size: int
    undefined: bool  # a program's canonical PLT entry: it has a value, and satisfies references that aren't calls


class Reference(NamedTuple):
    """One symbol that a relocation looks up. `version` is empty where it asks for none."""

    name: bytes
    version: bytes
    weak: bool
    defined_here: bool
    local: bool  # of hidden visibility: glibc binds it to the object itself
    eager: bool  # by a relocation that is done at start, always
    lazy: bool  # by a PLT relocation, done at the first call if the object binds lazily
    copied: bool  # by a COPY relocation: looked up everywhere but in the program itself
    size: int


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """The tables of one object. Both methods raise `Unreadable`."""

    memory: Memory
    elf: ElfFile

    def definitions(self) -> list[Definition]:
        """Every symbol that a look-up could find, in table order."""
        first, count = _hashed_range(self.memory, self.elf)
        if count <= first:
            return []
        symbols = self._symbols(first, count)
        indexes = self._version_indexes(first, count)
        offered = [(*symbol, index) for symbol, index in zip(symbols, indexes, strict=True) if _is_offered(symbol)]
        names = dynamic_strings(self.memory, self.elf).many([row[0] for row in offered])
        version_of = self._version_names().get
        return [
            Definition(
                name, version_of(index & 0x7FFF, b""), index & 0x7FFF, index >= _HIDDEN, info & 0xF, size, not section
            )
            for name, (_, info, _, section, _, size, index) in zip(names, offered, strict=True)
        ]

    def references(self) -> list[Reference]:
        """Every symbol that a relocation names, in table order."""
        uses = _relocated_symbols(self.memory, self.elf)
        if not uses:
            return []
        numbers = sorted(uses)
        first, end = numbers[0], numbers[-1] + 1
        symbols = self._symbols(first, end)
        indexes = self._version_indexes(first, end)
        names = dynamic_strings(self.memory, self.elf).many([symbols[number - first][0] for number in numbers])
        version_of = self._version_names().get
        found = []
        for number, name in zip(numbers, names, strict=True):
            _, info, other, section, _, size = symbols[number - first]
            bind = info >> 4
            if bind == _STB_LOCAL:
                continue
            version = version_of(indexes[number - first] & 0x7FFF, b"")
            local = (other & 3) in _STV_LOCAL
            found.append(Reference(name, version, bind == _STB_WEAK, bool(section), local, *uses[number], size))
        return found

    def _symbols(self, first: int, end: int) -> list[_Row]:
        """The rows of the symbols from `first` to before `end`."""
        wide = self.elf.bits == 64
        layout = struct.Struct(self.elf.prefix + ("IBBHQQ" if wide else "III2BH"))
        address = (self.elf.tag(Tag.SYMTAB) or 0) + first * layout.size
        data = self.memory.read_exactly(address, (end - first) * layout.size)
        if wide:
            return list(layout.iter_unpack(data))
        return [
            (name, info, other, section, value, size)
            for name, value, size, info, other, section in layout.iter_unpack(data)
        ]

    def _version_indexes(self, first: int, end: int) -> "array[int]":
        """The version index of each symbol from `first` to before `end`; 1 (global, none) without DT_VERSYM."""
        address = self.elf.tag(Tag.VERSYM)
        if address is None:
            return array("H", [1]) * (end - first)
        data = self.memory.read_exactly(address + 2 * first, 2 * (end - first))
        return _numbers("H", data, self.elf)

    def _version_names(self) -> dict[int, bytes]:
        """The version that each index stands for. The base definition is the file's own name, not a version."""
        names = {
            definition.index: definition.name.encode("utf-8", "surrogateescape")
            for definition in self.elf.definitions
            if not definition.base
        }
        for need in self.elf.needs:
            for version in need.versions:
                names[version.index] = version.name.encode("utf-8", "surrogateescape")
        names.pop(0, None)
        names.pop(1, None)
        return names


def _is_offered(symbol: _Row) -> bool:
    _, info, other, section, value, _ = symbol
    if info >> 4 not in _BINDINGS or info & 0xF not in _TYPES or (other & 3) in _STV_LOCAL:
        return False
    return value != 0 or section == _SHN_ABS or (info & 0xF == _STT_TLS and section != _SHN_UNDEF)


def symbol_table(content: Content, elf: ElfFile) -> SymbolTable:
    """The symbols of a file."""
    return SymbolTable(elf.memory(content), elf)


def key(name: bytes, version: bytes) -> bytes:
    """How a symbol is named in sets."""
    return name + b"\0" + version if version else name


def key_text(symbol: bytes) -> tuple[str, str]:
    """The name and the version ("" without) in a key."""
    name, _, version = symbol.decode("utf-8", "surrogateescape").partition("\0")
    return name, version


def _numbers(code: str, data: bytes, elf: ElfFile) -> "array[int]":
    numbers = array(code, data)
    if elf.byte_order != sys.byteorder:
        numbers.byteswap()
    return numbers


def _hashed_range(memory: Memory, elf: ElfFile) -> tuple[int, int]:
    """The first symbol that the hash table covers, and one past the last."""
    address = elf.tag(Tag.GNU_HASH)
    if address is not None:
        return _gnu_hash_range(memory, elf, address)
    address = elf.tag(Tag.HASH)
    if address is None:
        return 0, 0
    # The entries are words of the machine on 64-bit S/390 (its processor supplement), else of 32 bits (gABI).
    layout = "QQ" if elf.machine == Machine.S390 and elf.bits == 64 else "II"
    size = struct.calcsize(f"={layout}")
    _, count = struct.unpack(elf.prefix + layout, memory.read_exactly(address, size))
    if count > _HASH_LIMIT:
        raise Unreadable(f"a hash table of {count} symbols")
    return 1, count


def _gnu_hash_range(memory: Memory, elf: ElfFile, address: int) -> tuple[int, int]:
    """DT_GNU_HASH: chains lie in symbol order, so the one that starts last ends with the last symbol."""
    buckets, first, bloom, _ = struct.unpack(f"{elf.prefix}4I", memory.read_exactly(address, 16))
    if buckets > _HASH_LIMIT or bloom > _HASH_LIMIT:
        raise Unreadable(f"a hash table of {buckets} buckets")
    start = address + 16 + bloom * elf.word_size
    last = max(_numbers("I", memory.read_exactly(start, 4 * buckets), elf), default=0)
    if last < first:
        return first, first
    chains = Window(memory, start + 4 * buckets + 4 * (last - first))
    link = struct.Struct(f"{elf.prefix}I")
    length = 0
    while not chains.unpack(link, 4 * length)[0] & 1:
        length += 1
        if length > _CHAIN_LIMIT:
            raise Unreadable("a hash chain without end")
    return first, last + length + 1


def _relocated_symbols(memory: Memory, elf: ElfFile) -> dict[int, tuple[bool, bool, bool]]:
    """The numbers of the symbols that relocations name: (at start, lazily, by copy)."""
    plt_start, plt_size = elf.tag(Tag.JMPREL) or 0, elf.tag(Tag.PLTRELSZ) or 0
    uses: dict[int, tuple[bool, bool, bool]] = {}
    plt_tag = elf.tag(Tag.PLTREL)
    for tag, size_tag in ((Tag.RELA, Tag.RELASZ), (Tag.REL, Tag.RELSZ)):
        start, size = elf.tag(tag), elf.tag(size_tag)
        if start is None or not size:
            continue
        # Some linkers count the PLT's relocations into the table before it.
        shared = plt_size if plt_tag == tag and start + size == plt_start + plt_size else 0
        _note_uses(uses, memory, elf, tag, start, size - shared, lazy=False)
    if plt_size and plt_tag in (Tag.RELA, Tag.REL):
        _note_uses(uses, memory, elf, Tag(plt_tag), plt_start, plt_size, lazy=True)
    return uses


def _note_uses(
    uses: dict[int, tuple[bool, bool, bool]],
    memory: Memory,
    elf: ElfFile,
    tag: Tag,
    start: int,
    size: int,
    *,
    lazy: bool,
) -> None:
    words = 3 if tag is Tag.RELA else 2
    entry = words * elf.word_size
    if size <= 0:
        return
    data = memory.read_exactly(start, size // entry * entry)
    shift, mask = (32, 0xFFFFFFFF) if elf.bits == 64 else (8, 0xFF)
    copy = _COPY.get(elf.machine)
    # Of a big table nearly all are relative and alike: one element of the set.
    for info in set(_numbers("Q" if elf.bits == 64 else "I", data, elf)[1::words]):
        symbol, kind = info >> shift, info & mask
        if symbol and kind:  # kind 0 is R_*_NONE
            before = uses.get(symbol, (False, False, False))
            copied = kind == copy
            uses[symbol] = (before[0] or not (lazy or copied), before[1] or lazy, before[2] or copied)
