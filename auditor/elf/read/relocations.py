"""Relative relocations: the words of an object that hold addresses inside it (gABI, "Relocation" and "RELR").

They are how a table of pointers shows in a position-independent file. Found through PT_DYNAMIC alone.
"""

import struct
from collections.abc import Iterator

from auditor.budget import Count, uncounted
from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.read.memory import Memory
from auditor.filetree import Content
from auditor.machine import Machine

# The processor supplements' R_*RELATIVE.
RELATIVE: dict[int, int] = {
    Machine.I386: 8,
    Machine.PPC: 22,
    Machine.PPC64: 22,
    Machine.S390: 12,
    Machine.ARM: 23,
    Machine.X86_64: 8,
    Machine.AARCH64: 1027,
    Machine.RISCV: 3,
    Machine.LOONGARCH: 3,
}
# Their R_*_COPY.
COPY: dict[int, int] = {
    Machine.I386: 5,
    Machine.PPC64: 19,
    Machine.S390: 9,
    Machine.ARM: 20,
    Machine.X86_64: 5,
    Machine.AARCH64: 1024,
    Machine.RISCV: 4,
    Machine.LOONGARCH: 4,
}
# Their R_*_JMP_SLOT, of calls that may wait to be bound.
JUMP_SLOT: dict[int, int] = {
    Machine.I386: 7,
    Machine.PPC64: 21,
    Machine.S390: 11,
    Machine.ARM: 22,
    Machine.X86_64: 7,
    Machine.AARCH64: 1026,
    Machine.RISCV: 5,
    Machine.LOONGARCH: 5,
}
# Their relocations of the initial-exec model: a variable's distance from the thread pointer.
_THREAD_OFFSET: dict[int, frozenset[int]] = {
    Machine.I386: frozenset((14, 37)),
    Machine.PPC64: frozenset((73,)),
    Machine.S390: frozenset((56,)),
    Machine.ARM: frozenset((19,)),
    Machine.X86_64: frozenset((18,)),
    Machine.AARCH64: frozenset((1030,)),
    Machine.RISCV: frozenset((10, 11)),
    Machine.LOONGARCH: frozenset((10, 11)),
}
_WORDS_READ = 1 << 16
_WEIGHT = 8  # each costs as much as so many of those that are gone through as arrays
_COUNTED = 1 << 12  # so many at a time


def relative_relocations(content: Content, elf: ElfFile, count: Count = uncounted) -> Iterator[tuple[int, int]]:
    """Each address that holds a pointer into the object, with the address it points to, both unrelocated.

    Order: RELA or REL, then RELR. Nothing for a machine whose relocation types aren't known (MIPS among them),
    for a file without PT_DYNAMIC, and for tables that lie outside the file.
    """
    words = _Words(elf.memory(content), elf)
    relative = RELATIVE.get(elf.machine)
    if relative is not None:
        yield from _rela(content, elf, relative, count)
        for address in _rel(content, elf, relative, count):
            target = words.at(address)
            if target is not None:
                yield address, target
    for number, address in enumerate(_relr(content, elf, count)):
        if not number % _COUNTED:
            count(_WEIGHT * _COUNTED)
        target = words.at(address)
        if target is not None:
            yield address, target


def thread_offset_symbols(content: Content, elf: ElfFile, count: Count = uncounted) -> frozenset[int]:
    """The numbers of the symbols whose distance from the thread pointer is asked for; 0 for the object's own storage.

    Nothing for a machine whose relocation types aren't known.
    """
    kinds = _THREAD_OFFSET.get(elf.machine, frozenset())
    wide = elf.bits == 64
    shift, mask = (32, 0xFFFFFFFF) if wide else (8, 0xFF)
    word = "Q" if wide else "I"
    found = set()
    for tag, size_tag, words in ((Tag.RELA, Tag.RELASZ, 3), (Tag.REL, Tag.RELSZ, 2)) if kinds else ():
        layout = struct.Struct(elf.prefix + word * words)
        for _, info, *_ in layout.iter_unpack(_table(content, elf, (tag, size_tag), layout.size, count)):
            if info & mask in kinds:
                found.add(info >> shift)
    return frozenset(found)


class _Words:
    """Address-sized words in memory, read in long pieces since addends lie close together."""

    def __init__(self, memory: Memory, elf: ElfFile) -> None:
        self._memory = memory
        self._word = struct.Struct(elf.prefix + ("Q" if elf.bits == 64 else "I"))
        self._start = 0
        self._data = b""

    def at(self, address: int) -> int | None:
        offset = address - self._start
        if offset < 0 or offset + self._word.size > len(self._data):
            self._start, offset = address, 0
            self._data = self._memory.read(address, _WORDS_READ)
            if len(self._data) < self._word.size:
                return None
        number: int = self._word.unpack_from(self._data, offset)[0]
        return number


def _table(content: Content, elf: ElfFile, tags: tuple[Tag, Tag], entry: int, count: Count) -> bytes:
    address, size = (elf.tag(tag) for tag in tags)
    if address is None or not size:
        return b""
    data = elf.memory(content).read(address, size)
    entries = len(data) // entry
    count(_WEIGHT * entries)
    return data[: entries * entry]


def _rela(content: Content, elf: ElfFile, relative: int, count: Count) -> Iterator[tuple[int, int]]:
    wide = elf.bits == 64
    layout = struct.Struct(elf.prefix + ("QQQ" if wide else "III"))
    mask = 0xFFFFFFFF if wide else 0xFF
    for address, info, addend in layout.iter_unpack(_table(content, elf, (Tag.RELA, Tag.RELASZ), layout.size, count)):
        if info & mask == relative:
            yield address, addend


def _rel(content: Content, elf: ElfFile, relative: int, count: Count) -> Iterator[int]:
    wide = elf.bits == 64
    layout = struct.Struct(elf.prefix + ("QQ" if wide else "II"))
    mask = 0xFFFFFFFF if wide else 0xFF
    for address, info in layout.iter_unpack(_table(content, elf, (Tag.REL, Tag.RELSZ), layout.size, count)):
        if info & mask == relative:
            yield address


def _relr(content: Content, elf: ElfFile, count: Count) -> Iterator[int]:
    """An even entry is an address; an odd one is a bitmap of the words that follow the last address."""
    size = elf.word_size
    layout = struct.Struct(elf.prefix + ("Q" if elf.bits == 64 else "I"))
    following = 0
    for (entry,) in layout.iter_unpack(_table(content, elf, (Tag.RELR, Tag.RELRSZ), size, count)):
        if not entry & 1:
            yield entry
            following = entry + size
            continue
        for bit in range(1, elf.bits):
            if entry >> bit & 1:
                yield following + (bit - 1) * size
        following += (elf.bits - 1) * size
