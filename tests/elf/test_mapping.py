"""Whether a loader can map a library, said of a few segments: each number at its limit, and one past it.

Real loaders judge the same in `test_damages.py`, of whole programs.
"""

import pytest
from msgspec.structs import replace

from auditor.elf.read.memory import PF_W, Segment
from auditor.elf.search.mapping import mapping_fault, musl_mapping_fault
from auditor.machine import Machine
from tests.elf.made import ELF, GLIBC

PAGE = 0x1000
SPACE, WRAP, FILE = 1 << 47, 1 << 64, 1 << 63  # addresses of a process on x86-64, of the machine; the longest file
GIANT = 1 << 32

UNALIGNED = "ELF load command address/offset not page-aligned"
NOT_MAPPED = "failed to map segment from shared object"
NO_ZEROS = "cannot map zero-fill pages"
MORE = f"({GIANT:#x} bytes are more memory than any real library asks for)"
BEYOND = "a segment lies beyond the memory that the last one ends: what else is there would be overwritten"


def at(address: int, size: int, memory: int = 0, *, offset: int = 0, flags: int = 0, alignment: int = 0) -> Segment:
    """A segment of `size` bytes of the file and at least as much memory."""
    return Segment(offset, address, size, memory or size, flags, alignment)


FIRST = at(0, PAGE)


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([FIRST, at(PAGE, PAGE)], ""),
        ([FIRST, at(2 * PAGE, PAGE)], ""),
        ([at(0, PAGE, offset=1)], UNALIGNED),
        ([at(0, 0)], NOT_MAPPED),
        # All of memory, and a byte more.
        ([at(0, SPACE)], ""),
        ([at(0, SPACE, SPACE + 1)], NOT_MAPPED),
        ([at(0, SPACE, alignment=PAGE)], ""),
        ([at(0, PAGE, alignment=SPACE // 2)], ""),
        ([at(0, PAGE, alignment=SPACE)], NOT_MAPPED),
        ([at(0, PAGE, alignment=3 * SPACE)], ""),  # no alignment at all
        # The end of the longest file.
        ([at(0, PAGE, offset=FILE - PAGE)], ""),
        ([at(0, 2 * PAGE, offset=FILE - PAGE)], NOT_MAPPED),
        ([FIRST, at(PAGE, PAGE, offset=FILE - PAGE)], ""),
        ([FIRST, at(PAGE, 2 * PAGE, offset=FILE - PAGE)], NOT_MAPPED),
        # The last one begins inside the first, and where it ends.
        ([at(0, 3 * PAGE), at(5 * PAGE, PAGE), at(2 * PAGE, PAGE)], UNALIGNED),
        ([at(0, 3 * PAGE), at(5 * PAGE, PAGE), at(3 * PAGE, PAGE)], BEYOND),
        # One that ends where the last does, and behind it.
        ([FIRST, at(PAGE, 2 * PAGE), at(2 * PAGE, PAGE)], ""),
        ([FIRST, at(PAGE, 2 * PAGE), at(PAGE, PAGE)], BEYOND),
        ([FIRST, at(PAGE, PAGE, 9 * PAGE), at(2 * PAGE, PAGE)], BEYOND),
        ([FIRST, at(1 << 60, 0), at(PAGE, PAGE)], ""),  # one of nothing lies nowhere
        # One that begins before the first, as large as all memory, and larger.
        ([at(2 * PAGE, PAGE), at(0, SPACE), at(SPACE + PAGE, PAGE)], ""),
        ([at(2 * PAGE, PAGE), at(0, SPACE + PAGE), at(SPACE + PAGE, PAGE)], NOT_MAPPED),
        # Zeros behind what the file has.
        ([at(0, PAGE, GIANT, flags=PF_W)], ""),
        ([at(0, PAGE, GIANT + PAGE, flags=PF_W)], f"{NO_ZEROS} {MORE}"),
        ([at(0, PAGE, GIANT + PAGE)], ""),  # of which none is ever made
        ([FIRST, at(PAGE, PAGE, SPACE + PAGE), at(2 * PAGE, PAGE)], BEYOND),
        ([FIRST, at(PAGE, PAGE, SPACE + PAGE + 1), at(2 * PAGE, PAGE)], NO_ZEROS),
        # Where the end wraps with any base there is nothing to fill.
        ([at(WRAP - SPACE - 2 * GIANT, PAGE, 2 * GIANT, flags=PF_W)], ""),
        ([at(WRAP - SPACE - GIANT - 2 * PAGE, PAGE, GIANT + PAGE, flags=PF_W)], f"{NO_ZEROS} {MORE}"),
    ],
)
def test_what_glibc_can_map(segments: list[Segment], words: str) -> None:
    assert mapping_fault(replace(ELF, segments=tuple(segments)), GLIBC) == words


@pytest.mark.parametrize(
    ("address", "alignment", "words"),
    [
        (0, PAGE, ""),
        (PAGE, PAGE, ""),
        (PAGE, 2 * PAGE, "ELF load command address/offset not properly aligned"),
        (0, PAGE // 2, "ELF load command alignment not page-aligned"),
        (0, SPACE, ""),
    ],
)
def test_the_alignment_of_a_segment_before_glibc_2_35(address: int, alignment: int, words: str) -> None:
    """It takes every alignment for true, and maps no more to choose from."""
    elf = replace(ELF, segments=(at(address, PAGE, alignment=alignment),))
    assert mapping_fault(elf, replace(GLIBC, checks_alignment=True)) == words


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([FIRST, at(PAGE, PAGE)], ""),
        ([at(0, 0)], "Invalid argument"),
        ([at(0, SPACE)], ""),
        ([at(0, SPACE + PAGE)], "Out of memory"),
        ([FIRST, at(PAGE, PAGE, WRAP - PAGE)], "Out of memory"),  # its end wraps
        ([FIRST, at(PAGE, PAGE, offset=FILE - PAGE)], ""),
        ([FIRST, at(PAGE, PAGE, offset=FILE)], "Value too large for data type"),
        ([at(0, PAGE, GIANT - 1, flags=PF_W)], ""),
        ([at(0, PAGE, GIANT, flags=PF_W)], f"Out of memory {MORE}"),
        ([at(0, PAGE, GIANT)], ""),
    ],
)
def test_what_musl_can_map(segments: list[Segment], words: str) -> None:
    assert musl_mapping_fault(replace(ELF, segments=tuple(segments))) == words


@pytest.mark.parametrize(
    ("machine", "bits", "space"),
    [(Machine.AARCH64, 64, 1 << 48), (Machine.PPC64, 64, 1 << 47), (Machine.S390, 64, 1 << 53)],
)
def test_how_much_memory_a_machine_has(machine: Machine, bits: int, space: int) -> None:
    elf = replace(ELF, machine=machine, bits=bits)
    fits, too_large = (replace(elf, segments=(at(0, size),)) for size in (space, space + PAGE))
    assert [mapping_fault(each, GLIBC) for each in (fits, too_large)] == ["", NOT_MAPPED]
    assert [musl_mapping_fault(each) for each in (fits, too_large)] == ["", "Out of memory"]
