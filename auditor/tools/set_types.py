"""Which ipset set types a program or libipset carries, and at which revisions."""

import re
import struct
from collections.abc import Iterator

from auditor.elf.file import ElfFile, FileType
from auditor.elf.memory import Memory
from auditor.elf.relocations import relative_relocations
from auditor.filetree import Content
from auditor.tools.model import SetType

_NAME = re.compile(rb"(?:bitmap|hash|list):[a-z]+(?:,[a-z]+){0,3}")
_NAME_LENGTH = 32  # IPSET_MAXNAMELEN
_FAMILIES = frozenset((0, 2, 10, 255))  # NFPROTO_UNSPEC, AF_INET, AF_INET6, NFPROTO_IPSET_IPV46
_WRITABLE = 2  # PF_W
_SCAN_LIMIT = 1 << 24  # bytes of writable segments
_POINTER_LIMIT = 1 << 20  # relocations


def set_types(content: Content, elf: ElfFile) -> tuple[SetType, ...]:
    """The set types in a file's tables, sorted by name and revision; empty where it has none.

    libipset's `struct ipset_type` starts with a pointer to the name, then u8 revision, family, dimension, i8
    kernel_check, bool last_elem_optional (libipset/types.h). The pointers show as relative relocations; in a
    program that is linked to a fixed address, as words of its writable segments.
    """
    memory = elf.memory(content)
    found: set[SetType] = set()
    for address, target in _pointers(content, elf, memory):
        match = _NAME.match(memory.read(target, _NAME_LENGTH + 1).partition(b"\0")[0] + b"\0")
        if match is None or memory.read(target + match.end(), 1) != b"\0":
            continue
        fields = memory.read(address + elf.word_size, 5)
        if len(fields) < 5:
            continue
        revision, family, dimension, kernel_check, optional = struct.unpack("BBBbB", fields)
        if family in _FAMILIES and 1 <= dimension <= 3 and kernel_check == 0 and optional < 2:
            found.add(SetType(match[0].decode(), revision, family, dimension))
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.revision, entry.family, entry.dimension)))


def _pointers(content: Content, elf: ElfFile, memory: Memory) -> Iterator[tuple[int, int]]:
    yield from relative_relocations(content, elf)
    if elf.type == FileType.EXEC:
        yield from _words(elf, memory)


def _words(elf: ElfFile, memory: Memory) -> Iterator[tuple[int, int]]:
    """Each aligned word of the writable segments that points into the file."""
    word = struct.Struct(elf.prefix + ("Q" if elf.bits == 64 else "I"))
    low = min((segment.address for segment in elf.segments), default=0)
    high = max((segment.address + segment.file_size for segment in elf.segments), default=0)
    left = _SCAN_LIMIT
    for segment in elf.segments:
        if not segment.flags & _WRITABLE or left <= 0:
            continue
        start = -(-segment.address // word.size) * word.size
        data = memory.read(start, min(segment.file_size, left))
        left -= len(data)
        for number, (value,) in enumerate(word.iter_unpack(data[: len(data) // word.size * word.size])):
            if low <= value < high:
                yield start + number * word.size, value
