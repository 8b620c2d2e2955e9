"""The dynamic symbols of an object: one by one for look-ups, and in bulk what its relocations ask for.

Everything is found as a loader finds it, from PT_DYNAMIC: definitions through the hash table (a symbol that isn't
hashed can't be found), references through relocations (a symbol that nothing relocates is never looked up).

A *key* names a symbol for comparison: `name` or, with a version, `name NUL version`, in bytes.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from auditor.budget import Count, uncounted
from auditor.elf.read.file import ElfFile, Tag, dynamic_strings
from auditor.elf.read.hash_table import HashTable, elf_hash, hash_table
from auditor.elf.read.memory import Memory, Strings, Unreadable, WordReader
from auditor.elf.read.relocation_use import RelocationUse, relocation_use

_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE = 1, 2, 10  # 0 is local
_BINDINGS = frozenset((_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE))
STT_OBJECT, STT_TLS, STT_GNU_IFUNC = 1, 6, 10
GLIBC_TYPES = frozenset((0, 1, 2, 5, STT_TLS, STT_GNU_IFUNC))  # NOTYPE OBJECT FUNC COMMON: what it binds to
_STV_LOCAL = frozenset((1, 2))  # INTERNAL, HIDDEN
_NAME = 32  # bytes of names that cost as much as a symbol
_SPREAD = 8  # symbols in a row for each that is wanted: so many are read at once
SHN_UNDEF, SHN_ABS = 0, 0xFFF1
HIDDEN = 0x8000  # of a version index
OLDEST = 2  # a version index: a reference without version takes it, even hidden; and the base version
_Fields = tuple[int, int, int, int, int, int]  # of a row, in its order


class Row(Struct, frozen=True, gc=False):
    """One entry of the symbol table."""

    name: int  # offset in the string table
    info: int
    other: int
    section: int
    value: int
    size: int

    @property
    def type(self) -> int:
        """STT_*."""
        return self.info & 0xF

    @property
    def is_global(self) -> bool:
        """Whether its binding is global, weak or unique."""
        return self.info >> 4 in _BINDINGS

    def defines(self, *, call: bool) -> bool:
        """Whether glibc takes it for a definition. A `call` doesn't take a program's canonical PLT entry, which is
        undefined and has a value.
        """
        if self.section == SHN_UNDEF and (call or self.type == STT_TLS):
            return False
        return (self.value != 0 or self.section == SHN_ABS or self.type == STT_TLS) and self.type in GLIBC_TYPES

    @property
    def bound_outside(self) -> bool:
        """Whether other objects may bind to it, by glibc: global, and neither hidden nor internal."""
        return self.is_global and (self.other & 3) not in _STV_LOCAL


class Reference(Struct, frozen=True, gc=False):
    """One symbol that a relocation looks up. `version` (a label) is empty where it asks for none; `use` are flags."""

    name: bytes
    version: bytes
    weak: bool
    defined_here: bool
    local: bool  # of hidden visibility: glibc binds it to the object itself
    use: int
    size: int
    number: int
    offered: bool  # glibc binds it to the object itself as to any other, where the look-up comes to it
    beyond: bool  # its version index is none of the object's: glibc reads whatever lies behind its list of versions


class SymbolTable:
    """The tables of one object. Everything raises `Unreadable`."""

    def __init__(self, memory: Memory, elf: ElfFile, hash_bits: int = 64, count: Count = uncounted) -> None:
        self.elf = elf
        self._hash_bits = hash_bits
        self._count = count  # is told how many symbols are looked at
        self._memory = memory
        self._words = WordReader(memory, elf.prefix)
        self._layout = struct.Struct(elf.prefix + ("IBBHQQ" if elf.bits == 64 else "III2BH"))
        self._ordered = _as_it_is if elf.bits == 64 else _as_of_64_bits
        self._symbols = elf.tag(Tag.SYMTAB) or 0
        self._versym = elf.tag(Tag.VERSYM)

    @cached_property
    def strings(self) -> Strings:
        """The names."""
        return dynamic_strings(self._memory, self.elf)

    @cached_property
    def hashes(self) -> HashTable | None:
        """The way to the symbols."""
        return hash_table(self._memory, self.elf, self._hash_bits, self._count)

    def row(self, number: int) -> Row:
        """One symbol."""
        return Row(*self._fields(number))

    def version_index(self, number: int) -> int | None:
        """The symbol's entry in DT_VERSYM, 0x8000 of which is the hidden bit; None where the object has no versions."""
        return None if self._versym is None else self._words.half(self._versym + 2 * number)

    @cached_property
    def last_version(self) -> int:
        """The highest version index that the object gives a meaning to; 0 for none."""
        needed = [version.index for need in self.elf.needs for version in need.versions]
        return max((*needed, *(version.index for version in self.elf.definitions)), default=0)

    @cached_property
    def version_labels(self) -> dict[int, bytes]:
        """The version that each index stands for. The base definition is the file's own name, not a version."""
        labels = {
            version.index: version_label(version.name, version.hash)
            for need in self.elf.needs
            for version in need.versions
        }
        labels |= {each.index: version_label(each.name, each.hash) for each in self.elf.definitions if not each.base}
        return {index: label for index, label in labels.items() if label}

    def references(self) -> list[Reference]:
        """Every symbol that a relocation names, in table order."""
        return self.named_by(relocation_use(self._memory, self.elf, musl=True))

    def named_by(self, use: RelocationUse) -> list[Reference]:
        """The symbols that relocations name, in table order."""
        every = sorted(use.symbols)
        # A local symbol is not looked up: what else stands in its entry doesn't matter.
        outer = [(number, row) for number, row in zip(every, self._rows(every), strict=True) if row[1] >> 4]
        numbers, rows = [number for number, _ in outer], [row for _, row in outer]
        indexes, names = self._indexes(numbers), self._names(rows)
        self._count(sum(map(len, names)) // _NAME)  # each byte of them will be hashed
        labels, asked, versions = self.version_labels, use.symbols, [index & ~HIDDEN for index in indexes]
        last = self.last_version or HIDDEN  # none is beyond the versions of an object that has none
        return [
            Reference(
                name,
                labels.get(version, b""),
                info >> 4 == _STB_WEAK,
                section != SHN_UNDEF,
                (other & 3) in _STV_LOCAL,
                asked[number],
                size,
                number,
                section != SHN_UNDEF and _is_offered(Row(*row), version, labels),
                version > last,
            )
            for number, name, row, version in zip(numbers, names, rows, versions, strict=True)
            for _, info, other, section, _, size in (row,)
        ]

    def local_slots(self, use: RelocationUse) -> list[tuple[bytes, bytes]]:
        """Name and version of the local symbols, of default visibility, that calls name: bound at the start they are
        the object's own, at the call they are looked up by their names like any other (`_dl_fixup` of glibc).
        """
        slots = sorted(use.slots)
        rows = zip(slots, self._rows(slots), strict=True)
        return [self.looked_up(number) for number, (_, info, other, *_) in rows if not (info >> 4 or other & 3)]

    def looked_up(self, number: int) -> tuple[bytes, bytes]:
        """The name and version that a symbol is looked up by; version "" for none."""
        version = self.version_labels.get((self.version_index(number) or 0) & ~HIDDEN, b"")
        return self.strings.at(self.row(number).name), version

    def _names(self, rows: Sequence[_Fields]) -> list[bytes]:
        try:
            return self.strings.many([row[0] for row in rows])
        except Unreadable:
            # The name of what glibc binds to the object itself is not read.
            return [self._name(row[0]) if (row[2] & 3) in _STV_LOCAL else self.strings.at(row[0]) for row in rows]

    def _name(self, offset: int) -> bytes:
        try:
            return self.strings.at(offset)
        except Unreadable:
            return b""

    def _rows(self, numbers: Sequence[int]) -> list[_Fields]:
        """Several symbols, read together where they lie close to each other."""
        if not numbers or numbers[-1] - numbers[0] > _SPREAD * len(numbers):
            return [self._fields(number) for number in numbers]
        size, first = self._layout.size, numbers[0]
        try:
            data = self._memory.read_exactly(self._symbols + first * size, (numbers[-1] + 1 - first) * size)
        except Unreadable:  # what lies between them need not be there
            return [self._fields(number) for number in numbers]
        if len(data) == len(numbers) * size:
            return [*map(self._ordered, self._layout.iter_unpack(data))]
        unpack, ordered = self._layout.unpack_from, self._ordered
        return [ordered(unpack(data, (number - first) * size)) for number in numbers]

    def _fields(self, number: int) -> _Fields:
        return self._ordered(self._words.unpack(self._layout, self._symbols + number * self._layout.size))

    def _indexes(self, numbers: Sequence[int]) -> Sequence[int]:
        if self._versym is None or not numbers:
            return [0] * len(numbers)
        if numbers[-1] - numbers[0] > _SPREAD * len(numbers):
            return [self._words.half(self._versym + 2 * number) for number in numbers]
        first, end = numbers[0], numbers[-1] + 1
        table = self._words.numbers(self._versym + 2 * first, end - first, 16)
        if len(table) < end - first:
            raise Unreadable("the version indexes lie outside the loaded segments")
        return [table[number - first] for number in numbers]


def _as_it_is(fields: tuple[Any, ...]) -> _Fields:
    return fields


def _as_of_64_bits(fields: tuple[Any, ...]) -> _Fields:
    name, value, size, info, other, section = fields
    return name, info, other, section, value, size


def _is_offered(row: Row, version: int, labels: Mapping[int, bytes]) -> bool:
    """Whether glibc binds a reference to this symbol's own name and version index to it, whoever asks."""
    return row.defines(call=True) and row.bound_outside and (version <= OLDEST or version in labels)


def version_label(name: str, hashed: int) -> bytes:
    """What two versions must share to be the same to glibc: the name, and the hash that is stored beside it.

    Nearly always the name alone, since its hash follows; empty where the hash is 0, which means no version.
    """
    text = name.encode("utf-8", "surrogateescape")
    if hashed == elf_hash(text):
        return text
    return text + b"\0%x" % hashed if hashed else b""


def key(name: bytes, version: bytes) -> bytes:
    """How a symbol is named in sets."""
    return name + b"\0" + version if version else name


def key_text(symbol: bytes) -> tuple[str, str]:
    """The name and the version ("" without) in a key."""
    name, version, *_ = [*symbol.decode("utf-8", "surrogateescape").split("\0"), ""]
    return name, version
