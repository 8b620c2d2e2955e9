"""Whether glibc can map a library's segments: `_dl_map_object_from_fd` in its dl-load.c, `_dl_map_segments` in its
dl-map-segments.h. A program's and the loader's own segments are mapped by the kernel, which kills what it can't map.
"""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from auditor.elf.read.file import ElfFile
from auditor.elf.read.memory import PAGE, Segment, page_down, page_up
from auditor.elf.search.loader import LoaderProfile
from auditor.machine import Machine

# Bits of a process's addresses; at most, where the kernel can be built for several.
_ADDRESS_BITS: dict[tuple[int, int], int] = {
    (Machine.X86_64, 64): 47,
    (Machine.AARCH64, 64): 48,
    (Machine.PPC64, 64): 47,
}
_OTHER_BITS = {32: 32, 64: 53}
_FILE_LIMIT = 1 << 63  # of a file's offset

_UNALIGNED = "ELF load command address/offset not page-aligned"
_MEMORY_LIMIT = 1 << 32  # bytes of one segment that can be written; for more it depends on the machine

_NO_ZEROS = "cannot map zero-fill pages"
_BEYOND = "a segment lies beyond the memory that the last one ends: what else is there would be overwritten"
_NOT_MAPPED = "failed to map segment from shared object"


class _Command(Struct, frozen=True):
    """A segment in pages, as the loader counts: modulo the size of an address."""

    start: int
    end: int
    data_end: int
    all_end: int
    offset: int
    writable: bool


def mapping_fault(elf: ElfFile, profile: LoaderProfile) -> str:
    """The loader's words; "" where it goes on."""
    for segment in elf.segments:
        fault = _alignment_fault(segment, profile)
        if fault:
            return fault
    wrap = 1 << elf.bits
    commands = [_command(segment, wrap) for segment in elf.segments]
    space = 1 << _ADDRESS_BITS.get((elf.machine, elf.bits), _OTHER_BITS[elf.bits])
    first, last = commands[0], commands[-1]
    length = (last.all_end - first.start) % wrap
    alignment = max((each.alignment for each in elf.segments if each.alignment.bit_count() == 1), default=0)
    if not profile.checks_alignment and alignment > PAGE:
        length += alignment  # so much more is mapped, to choose from
    if not length or length > space or first.offset + length > _FILE_LIMIT:
        return _NOT_MAPPED
    if _has_holes(commands) and last.start < first.end:
        return _UNALIGNED
    end = page_up(length)
    if any((command.end - first.start) % wrap > end for command in commands if command.end > command.start):
        return _BEYOND
    faults = (_command_fault(command, first.start, end, space, wrap) for command in commands)
    return next((fault for fault in faults if fault), "")


def _command_fault(command: _Command, start: int, end: int, space: int, wrap: int) -> str:
    """Why one segment can't be mapped in the memory that begins at `start`, `end` bytes long."""
    distance = (command.start - start) % wrap
    if command.end > command.start and (command.end - command.start > space or space < distance < wrap - space):
        return _NOT_MAPPED
    if command.offset + (command.end - command.start) % wrap > _FILE_LIMIT:
        return _NOT_MAPPED
    zeros = command.all_end - page_up(command.data_end)
    # Where such an end wraps as soon as the base is added, there is nothing to fill.
    if zeros <= 0 or command.all_end >= wrap - space:
        return ""
    if zeros > space:
        return _NO_ZEROS
    if zeros >= _MEMORY_LIMIT and command.writable:
        return f"{_NO_ZEROS} ({zeros:#x} bytes are more memory than any real library asks for)"
    return _BEYOND if page_up(command.all_end) - start > end else ""


def musl_mapping_fault(elf: ElfFile) -> str:
    """Why musl can't map a library, in its words; "" where it can (`map_library` in its dynlink.c)."""
    wrap = 1 << elf.bits
    space = 1 << _ADDRESS_BITS.get((elf.machine, elf.bits), _OTHER_BITS[elf.bits])
    first = min(elf.segments, key=lambda each: each.address)
    end = max(0, *((each.address + each.memory_size) % wrap for each in elf.segments))
    offset = page_down(first.offset)
    lengths = [(page_up(end) % wrap - page_down(first.address) + offset) % wrap]
    for segment in elf.segments:
        start, past = page_down(segment.address), page_up(segment.address + segment.memory_size)
        lengths += [(past - start) % wrap] if start != page_down(first.address) else []
        if segment.offset >= _FILE_LIMIT:
            return "Value too large for data type"
    if not lengths[0]:
        return "Invalid argument"
    if max(lengths) > space:
        return "Out of memory"
    asked = max((each.memory_size for each in elf.segments if each.writable), default=0)
    return (
        f"Out of memory ({asked:#x} bytes are more memory than any real library asks for)"
        if asked >= _MEMORY_LIMIT
        else ""
    )


def _alignment_fault(segment: Segment, profile: LoaderProfile) -> str:
    shift = segment.address - segment.offset
    if not profile.checks_alignment:
        return _UNALIGNED if shift % PAGE else ""
    if segment.alignment % PAGE:
        return "ELF load command alignment not page-aligned"
    return "ELF load command address/offset not properly aligned" if shift & (segment.alignment - 1) else ""


def _command(segment: Segment, wrap: int) -> _Command:
    data_end = (segment.address + segment.file_size) % wrap
    return _Command(
        page_down(segment.address),
        page_up(data_end) % wrap,
        data_end,
        (segment.address + segment.memory_size) % wrap,
        page_down(segment.offset),
        segment.writable,
    )


def _has_holes(commands: Sequence[_Command]) -> bool:
    return any(one.end != other.start for one, other in pairwise(commands))
