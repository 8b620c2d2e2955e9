"""What is read out of relocations, said of single entries: where they write, how many there are, what they ask for.

Real loaders judge the same in `test_damages.py` and `test_start.py`, of whole programs.
"""

from array import array
from contextlib import nullcontext
from typing import Literal

import pytest
from msgspec.structs import replace

from auditor.elf.read import relocation_use
from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.read.memory import PF_W, Segment, Unreadable
from auditor.elf.read.relocation_use import (
    CALL,
    COPIED,
    EAGER,
    PPC64_ADDR30,
    Narrow,
    RelocationUse,
    _astray,
    _entries,
    _note,
    _note_narrow,
    _outside,
    _Range,
    _ranges,
    _writable,
)
from auditor.machine import Machine
from tests.tools.elves import Elf, parsed

PAGE = 0x1000
PLACES = [(0x1000, 0x3000), (0x5000, 0x6000)]
ELF = parsed(Elf().content())


def of(machine: Machine, bits: Literal[32, 64] = 64, tags: dict[int, int] | None = None) -> ElfFile:
    return replace(ELF, machine=machine, bits=bits, last_tags=tags or {})


@pytest.mark.parametrize(
    ("machine", "entries", "outside"),
    [
        # The first and the last byte that can be written to, and those beside them.
        (Machine.X86_64, [(0x1000, 8)], None),
        (Machine.X86_64, [(0xFFF, 8)], 0xFFF),
        (Machine.X86_64, [(0x2FFF, 8)], None),
        (Machine.X86_64, [(0x3000, 8)], 0x3000),
        (Machine.X86_64, [(0x4FFF, 8)], 0x4FFF),
        # All in one place or another; only one of them in none; one that does nothing.
        (Machine.X86_64, [(0x1000, 8), (0x5000, 8)], None),
        (Machine.X86_64, [(0x1000, 8), (0x4000, 8), (0x5000, 8)], 0x4000),
        (Machine.X86_64, [(0x1000, 8), (0x4000, 0), (0x5000, 8)], None),
        (Machine.X86_64, [(0x4000, 3 << 32)], None),
        (Machine.AARCH64, [(0x4000, 1024)], 0x4000),  # whose last byte is none
        (Machine.I386, [(0x4000, 3 << 8)], None),
        (Machine.I386, [(0x4000, 3 << 8 | 1)], 0x4000),
        # A byte that the processor doesn't look at.
        (Machine.AARCH64, [(0xAA00000000001000, 1027)], None),
        (Machine.AARCH64, [(0xAA00000000004000, 1027)], 0xAA00000000004000),
        (Machine.X86_64, [(0xAA00000000001000, 8)], 0xAA00000000001000),
    ],
)
def test_the_place_that_a_relocation_writes_to(
    machine: Machine, entries: list[tuple[int, int]], outside: int | None
) -> None:
    offsets, infos = (array("Q", numbers) for numbers in zip(*entries, strict=True))
    elf = of(machine, 32 if machine is Machine.I386 else 64)
    assert _outside(offsets, infos, PLACES, elf) == outside


@pytest.mark.parametrize(
    ("tags", "written"),
    [
        ({}, [(PAGE, 3 * PAGE)]),
        ({Tag.FLAGS: 8}, [(PAGE, 3 * PAGE)]),
        ({Tag.FLAGS: 4}, [(0, PAGE), (PAGE, 3 * PAGE)]),
        ({Tag.TEXTREL: 0}, [(0, PAGE), (PAGE, 3 * PAGE)]),
    ],
)
def test_with_text_relocations_all_can_be_written_to(tags: dict[int, int], written: list[tuple[int, int]]) -> None:
    segments = (Segment(0, 0, PAGE, PAGE, 5), Segment(PAGE, PAGE + 1, 1, PAGE, 4 | PF_W))
    assert _writable(replace(of(Machine.X86_64, tags=tags), segments=segments)) == written


@pytest.mark.parametrize(
    ("bits", "size", "glibc", "musl"),
    [
        (64, 48, 2, 2),
        (64, 49, 3, 2),  # one that begins before the end
        (64, 23, 1, 0),
        (64, (1 << 64) - (1 << 46), 0, ((1 << 64) - (1 << 46)) // 24),
        (64, (1 << 64) - (1 << 46) - 1, ((1 << 64) - (1 << 46) - 1 + 23) // 24, ((1 << 64) - (1 << 46) - 1) // 24),
        (32, (1 << 32) - (1 << 23), 0, ((1 << 32) - (1 << 23)) // 24),
    ],
)
def test_how_many_relocations_a_table_has(bits: Literal[32, 64], size: int, glibc: int, musl: int) -> None:
    elf = of(Machine.X86_64, bits)
    assert [_entries(elf, size, 24, musl=each) for each in (False, True)] == [glibc, musl]


RELA: dict[int, int] = {Tag.RELA: 0x100, Tag.RELASZ: 48}
PLT: dict[int, int] = {Tag.JMPREL: 0x1F0, Tag.PLTRELSZ: 48, Tag.PLTREL: Tag.RELA}


@pytest.mark.parametrize(
    ("tags", "tables"),
    [
        ({}, []),
        (RELA, [_Range(0x100, 2, 3)]),
        (RELA | {Tag.RELACOUNT: 1}, [_Range(0x100, 2, 3, 1)]),
        (RELA | {Tag.RELACOUNT: 9}, [_Range(0x100, 2, 3, 2)]),
        (RELA | {Tag.RELACOUNT: 1 << 32 | 1}, [_Range(0x100, 2, 3, 1)]),  # of which 32 bits are kept
        ({Tag.RELA: 0x100}, []),
        ({Tag.RELA: 0x100, Tag.RELASZ: 0}, []),
        ({Tag.RELASZ: 48}, []),
        ({Tag.REL: 0x100, Tag.RELSZ: 48, Tag.RELCOUNT: 1}, [_Range(0x100, 3, 2, 1)]),
        (PLT, [_Range(0x1F0, 2, 3, calls=True)]),
        (PLT | {Tag.PLTREL: Tag.REL}, [_Range(0x1F0, 3, 2, calls=True)]),
        ({Tag.JMPREL: 0x200, Tag.PLTREL: Tag.RELA}, []),
        ({Tag.PLTRELSZ: 48, Tag.PLTREL: Tag.RELA}, [_Range(0, 2, 3, calls=True)]),
        # Calls right behind the table before them: counted into it or not, or another kind of entry.
        (RELA | PLT | {Tag.RELASZ: 0x120}, [_Range(0x100, 10, 3), _Range(0x1F0, 2, 3, calls=True)]),
        (RELA | PLT | {Tag.RELASZ: 0xF0}, [_Range(0x100, 10, 3), _Range(0x1F0, 2, 3, calls=True)]),
        (
            RELA | PLT | {Tag.RELASZ: 0x120, Tag.PLTREL: Tag.REL},
            [_Range(0x100, 12, 3), _Range(0x1F0, 3, 2, calls=True)],
        ),
    ],
)
def test_where_the_tables_of_relocations_are(tags: dict[int, int], tables: list[_Range]) -> None:
    elf = of(Machine.X86_64, tags=tags)
    assert [*_ranges(elf, musl=False)] == [*_ranges(elf, musl=True)] == tables


def test_a_table_of_calls_that_says_not_what_it_is() -> None:
    """glibc passes over it, musl takes it for REL."""
    elf = of(Machine.X86_64, tags=PLT | {Tag.PLTREL: 0})
    assert [[*_ranges(elf, musl=musl)] for musl in (False, True)] == [[], [_Range(0x1F0, 3, 2, calls=True)]]


@pytest.mark.parametrize(
    ("machine", "tags", "entries", "astray"),
    [
        (Machine.X86_64, {}, [(7, 0), (7, 16)], 16),
        (Machine.X86_64, {}, [(7, 0)], 0),
        (Machine.X86_64, {}, [(8, 16), (7, 0)], 0),  # of another type
        (Machine.X86_64, {}, [(5 << 32 | 7, 16)], 16),
        (Machine.X86_64, {0x70000000: 1}, [(7, 16)], 0),  # where a call's entry of the PLT is
        (Machine.AARCH64, {0x70000000: 1}, [(1026, 16)], 16),
        (Machine.I386, {}, [(5 << 8 | 7, 16)], 16),
    ],
)
def test_what_is_added_to_the_beginning_of_a_function(
    machine: Machine, tags: dict[int, int], entries: list[tuple[int, int]], astray: int
) -> None:
    infos, addends = (array("Q", numbers) for numbers in zip(*entries, strict=True))
    assert _astray(infos, addends, of(machine, 32 if machine is Machine.I386 else 64, tags)) == astray


CALLS, DATA = _Range(0, 1, 3, calls=True), _Range(0, 1, 3)


@pytest.mark.parametrize(
    ("machine", "info", "table", "counted", "glibc", "musl"),
    [
        (Machine.X86_64, 3 << 32 | 6, DATA, False, EAGER, EAGER),
        (Machine.X86_64, 3 << 32 | 7, CALLS, False, CALL, CALL),
        (Machine.X86_64, 3 << 32 | 5, DATA, False, COPIED, COPIED),
        (Machine.X86_64, 6, DATA, False, None, None),
        (Machine.X86_64, 3 << 32, DATA, False, None, None),
        # A relative one names no symbol to glibc, nor does one that is counted for such.
        (Machine.X86_64, 3 << 32 | 8, DATA, False, None, EAGER),
        (Machine.X86_64, 3 << 32 | 6, DATA, True, None, EAGER),
        (Machine.X86_64, 3 << 32 | 8, DATA, True, None, EAGER),
        # musl drops the highest bit of a type.
        (Machine.X86_64, 3 << 32 | 1 << 31, DATA, False, EAGER, None),
        (Machine.I386, 3 << 8 | 6, DATA, False, EAGER, EAGER),
    ],
)
def test_what_is_asked_of_a_symbol(
    machine: Machine, info: int, table: _Range, counted: bool, glibc: int | None, musl: int | None
) -> None:
    elf = of(machine, 32 if machine is Machine.I386 else 64)
    for is_musl, asked in ((False, glibc), (True, musl)):
        use = RelocationUse()
        _note(use, elf, {info}, table, counted=counted, musl=is_musl)
        assert use.symbols == ({3: asked} if asked else {})


@pytest.mark.parametrize(
    ("info", "table", "counted", "told"),
    [
        (3 << 32 | 6, DATA, False, RelocationUse(kinds={6})),
        (3 << 32 | 6, DATA, True, RelocationUse(counted={6})),
        (3 << 32 | 7, CALLS, False, RelocationUse(calls={7}, slots={3})),
        (7, CALLS, False, RelocationUse(calls={7}, slots={0})),
        (3 << 32 | 6, CALLS, False, RelocationUse(calls={6})),
        (3 << 32 | 7, DATA, False, RelocationUse(kinds={7})),
    ],
)
def test_the_types_of_relocations_by_where_they_are(
    info: int, table: _Range, counted: bool, told: RelocationUse
) -> None:
    use = RelocationUse()
    _note(use, ELF, {info}, table, counted=counted, musl=False)
    assert (use.kinds, use.counted, use.calls, use.slots) == (told.kinds, told.counted, told.calls, told.slots)


@pytest.mark.parametrize(("limit", "read"), [(2, True), (1, False)])
def test_relocations_may_have_as_many_types_as_the_limit(
    limit: int, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relocation_use, "_DISTINCT_LIMIT", limit)
    with nullcontext() if read else pytest.raises(Unreadable, match="name more symbols"):
        _note(RelocationUse(), ELF, {6, 7}, DATA, counted=False, musl=False)


@pytest.mark.parametrize(("limit", "read"), [(2, True), (1, False)])
def test_relocations_may_be_as_many_narrow_ones_as_the_limit(
    limit: int, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relocation_use, "_NARROW_LIMIT", limit)
    use = RelocationUse()
    entries = array("Q", (0x1000, 3 << 32 | PPC64_ADDR30, 8, 0x1004, 4 << 32 | 38, 0, 0x1008, PPC64_ADDR30, 16))
    with nullcontext() if read else pytest.raises(Unreadable, match="more narrow relocations"):
        _note_narrow(use, of(Machine.PPC64), entries, CALLS)
    narrow = [Narrow(PPC64_ADDR30, 0x1000, 3, 8, call=True), Narrow(PPC64_ADDR30, 0x1008, 0, 16, call=True)]
    assert use.narrow == narrow


def test_a_table_without_addends_has_no_narrow_relocations() -> None:
    use = RelocationUse()
    _note_narrow(use, of(Machine.PPC64), array("Q", (0x1000, 3 << 32 | PPC64_ADDR30)), _Range(0, 1, 2))
    assert use.narrow == []
