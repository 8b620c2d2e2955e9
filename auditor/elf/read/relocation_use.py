"""What an object's relocations ask of the loader that does them at its start: their types, the symbols that they
name, and the places that they write to. Tables are read through PT_DYNAMIC, piece by piece, into arrays.
"""

import sys
from array import array
from collections.abc import Iterator

from msgspec import Struct, field

from auditor.budget import Count, uncounted
from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.read.memory import Memory, Unreadable, page_down, page_up
from auditor.elf.read.relocations import COPY, JUMP_SLOT, RELATIVE
from auditor.machine import Machine

_PIECE = 1 << 16  # entries
_DISTINCT_LIMIT = 1 << 18  # different pairs of symbol and type; more than twice those of a browser's largest library
_RELA_WORDS = 3
_COUNT_MASK = 0xFFFFFFFF  # of relative relocations glibc keeps a number of 32 bits
_NONE = 0  # R_*_NONE of every machine
_MUSL_TYPE = 0x7FFFFFFF  # R_TYPE in its dynlink.h
_DF_TEXTREL = 4
_X86_64_PLT = 0x70000000
#: How a symbol is asked for: at start always, by a call (which may wait for the first one), by copying it.
EAGER, CALL, COPIED = 1, 2, 4
_LOWEST = {64: 1 << 46, 32: 1 << 23}  # no object is loaded below
# Types whose result may be too large, or be no multiple of four, for what they change.
PPC64_ADDR30, PPC64_ADDR16_LO_DS = 37, 57
_NARROW: dict[int, frozenset[int]] = {Machine.PPC64: frozenset((PPC64_ADDR30, PPC64_ADDR16_LO_DS))}
_NARROW_LIMIT = 1 << 10  # of one object; compilers make none of them for what a loader does
_ADDRESS_BITS: dict[int, int] = {
    Machine.AARCH64: 56
}  # its processors ignore the highest byte (TCR_EL1.TBI0, which Linux sets)


class Narrow(Struct, frozen=True):
    """A relocation that has room for less than an address, at `offset`; `call`: of the PLT."""

    kind: int
    offset: int
    symbol: int
    addend: int
    call: bool


class RelocationUse(Struct):
    """`symbols` are those that relocations name, and how (flags). `kinds` are the types of the relocations at start,
    `counted` those of the first DT_RELACOUNT ones, which loaders take for relative ones, `calls` those of the PLT.
    `outside` is a place to write to that isn't writable, if any. `slots` are the symbols of calls that may wait, be
    they none at all (number 0). `astray` is what is added to the beginning of the function that such a call names, if
    anything is.
    """

    symbols: dict[int, int] = field(default_factory=dict)
    kinds: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)
    outside: int | None = None
    narrow: list[Narrow] = field(default_factory=list)
    slots: set[int] = field(default_factory=set)
    astray: int = 0


class _Range(Struct, frozen=True):
    start: int
    entries: int
    words: int  # of an entry
    counted: int = 0
    calls: bool = False


def relocation_use(memory: Memory, elf: ElfFile, *, musl: bool, count: Count = uncounted) -> RelocationUse:
    """All of it. Raises `Unreadable`. `musl`: by its rules, not glibc's. It also looks up a symbol that
    a relative relocation names, and takes a PLT's table for REL where DT_PLTREL doesn't say RELA. `count` is told of
    every piece how many relocations it has, before they are looked at.
    """
    use = RelocationUse()
    places = _writable(elf)
    for table in _ranges(elf, musl=musl):
        left = table.counted
        for entries in _pieces(memory, elf, table):
            infos = entries[1 :: table.words]
            count(len(infos))
            head = min(left, len(infos))
            left -= head
            _note(use, elf, set(infos[:head]), table, counted=True, musl=musl)
            _note(use, elf, set(infos[head:]), table, counted=False, musl=musl)
            if not musl and elf.bits == 64:
                _note_narrow(use, elf, entries, table)
            if table.calls and table.words == _RELA_WORDS and not use.astray:
                use.astray = _astray(infos, entries[2 :: table.words], elf)
            if use.outside is None:
                use.outside = _outside(entries[0 :: table.words], infos, places, elf)
    return use


def _ranges(elf: ElfFile, *, musl: bool) -> Iterator[_Range]:
    """Where the tables are (`_ELF_DYNAMIC_DO_RELOC` in glibc's dynamic-link.h; `reloc_all` in musl's dynlink.c)."""
    plt_start, plt_size, plt_tag = elf.tag(Tag.JMPREL) or 0, elf.tag(Tag.PLTRELSZ) or 0, elf.tag(Tag.PLTREL)
    for tag, size_tag, count_tag, words in (
        (Tag.RELA, Tag.RELASZ, Tag.RELACOUNT, 3),
        (Tag.REL, Tag.RELSZ, Tag.RELCOUNT, 2),
    ):
        start, size = elf.tag(tag), elf.tag(size_tag)
        if start is None or not size:
            continue
        # Some linkers count the PLT's relocations into the table before it.
        shared = plt_size if plt_tag == tag and start + size == plt_start + plt_size else 0
        entry = words * elf.word_size
        count = min((elf.tag(count_tag) or 0) & _COUNT_MASK, size // entry)
        yield _Range(start, max(count, _entries(elf, size - shared, entry, musl=musl)), words, count)
    if plt_size and (musl or plt_tag in (Tag.RELA, Tag.REL)):
        words = 3 if plt_tag == Tag.RELA else 2
        yield _Range(plt_start, _entries(elf, plt_size, words * elf.word_size, musl=musl), words, calls=True)


def _entries(elf: ElfFile, size: int, entry: int, *, musl: bool) -> int:
    """How many entries are done. glibc goes on while an entry begins before the end, which is before the start where a
    size is so large that it wraps wherever the object lies (`elf_dynamic_do_Rela` in its do-rel.h).
    """
    if musl:
        return size // entry
    return 0 if size >= (1 << elf.bits) - _LOWEST[elf.bits] else -(-size // entry)


def _pieces(memory: Memory, elf: ElfFile, table: _Range) -> Iterator["array[int]"]:
    entry = table.words * elf.word_size
    end = table.start + table.entries * entry
    for start in range(table.start, end, _PIECE * entry):
        data = memory.read_exactly(start, min(_PIECE * entry, end - start))
        numbers = array("Q" if elf.bits == 64 else "I", data)
        if elf.byte_order != sys.byteorder:
            numbers.byteswap()
        yield numbers


def _note(use: RelocationUse, elf: ElfFile, infos: set[int], table: _Range, *, counted: bool, musl: bool) -> None:
    """Of a big table nearly all are relative and alike: one element of the set."""
    shift, mask = (32, _MUSL_TYPE if musl else 0xFFFFFFFF) if elf.bits == 64 else (8, 0xFF)
    machine = elf.machine
    copy, slot = COPY.get(machine), JUMP_SLOT.get(machine) if table.calls else None
    symbols, slots, kinds = use.symbols, use.slots, use.counted if counted else use.calls if table.calls else use.kinds
    plain, copying = (CALL, CALL | COPIED) if table.calls else (EAGER, COPIED)
    nameless = {_NONE} if musl else {_NONE, RELATIVE.get(machine)}
    for info in infos:
        symbol, kind = info >> shift, info & mask
        kinds.add(kind)
        if kind == slot:
            slots.add(symbol)
        if symbol and kind not in nameless and (musl or not counted):
            symbols[symbol] = symbols.get(symbol, 0) | (copying if kind == copy else plain)
    if len(use.symbols) > _DISTINCT_LIMIT or len(kinds) > _DISTINCT_LIMIT:
        raise Unreadable("its relocations name more symbols than those of any real object")


def _note_narrow(use: RelocationUse, elf: ElfFile, entries: "array[int]", table: _Range) -> None:
    kinds = _NARROW.get(elf.machine)
    if kinds is None or table.words != _RELA_WORDS:
        return
    infos = entries[1 :: table.words]
    for number in [number for number, info in enumerate(infos) if info & 0xFFFFFFFF in kinds]:
        offset, info, addend = entries[number * table.words : (number + 1) * table.words]
        use.narrow.append(Narrow(info & 0xFFFFFFFF, offset, info >> 32, addend, table.calls))
        if len(use.narrow) > _NARROW_LIMIT:
            raise Unreadable("it has more narrow relocations than any real object")


def _astray(infos: "array[int]", addends: "array[int]", elf: ElfFile) -> int:
    """The first such number; 0 where it means something else (DT_X86_64_PLT: where the call's entry of the PLT is)."""
    if not any(addends) or (elf.machine == Machine.X86_64 and elf.tag(_X86_64_PLT) is not None):
        return 0
    mask = 0xFFFFFFFF if elf.bits == 64 else 0xFF
    slot = JUMP_SLOT.get(elf.machine)
    return next((addend for info, addend in zip(infos, addends, strict=True) if addend and info & mask == slot), 0)


def _writable(elf: ElfFile) -> list[tuple[int, int]]:
    """The pages that relocations may write to: with text relocations the loader makes all of them writable."""
    text = elf.tag(Tag.TEXTREL) is not None or bool((elf.tag(Tag.FLAGS) or 0) & _DF_TEXTREL)
    return [
        (page_down(each.address), page_up(each.address + each.memory_size))
        for each in elf.segments
        if text or each.writable
    ]


def _outside(offsets: "array[int]", infos: "array[int]", places: list[tuple[int, int]], elf: ElfFile) -> int | None:
    if any(start <= min(offsets) and max(offsets) < end for start, end in places):
        return None
    mask = 0xFFFFFFFF if elf.bits == 64 else 0xFF
    bits = _ADDRESS_BITS.get(elf.machine, elf.bits)
    for offset, info in zip(offsets, infos, strict=True):
        if info & mask != _NONE and not any(start <= offset % (1 << bits) < end for start, end in places):
            return offset
    return None
