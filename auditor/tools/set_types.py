"""Which ipset set types a program or libipset carries, and at which revisions."""

import re
import struct

from auditor.budget import Count, uncounted
from auditor.elf.read.file import ElfFile
from auditor.filetree import Content
from auditor.tools.loaded import load
from auditor.tools.model import SetType

_NAME = re.compile(rb"((?:bitmap|hash|list):[a-z]+(?:,[a-z]+){0,3})\0")
_MODULES = re.compile(rb"/[!-~]{1,200}/ipset")
_FAMILIES = frozenset((0, 2, 10, 255))  # NFPROTO_UNSPEC, AF_INET, AF_INET6, NFPROTO_IPSET_IPV46
_FIELDS = struct.Struct("BBBb?")


def plugin_directories(content: Content, elf: ElfFile) -> tuple[str, ...]:
    """Where a build loads set types from that keeps them as plug-ins (IPSET_MODSDIR, `/usr/lib/ipset`), sorted.

    Every build has the path in it; most have nothing there.
    """
    texts = load(content, elf).strings
    return tuple(sorted(text.decode("ascii") for text in texts if _MODULES.fullmatch(text)))


def set_types(content: Content, elf: ElfFile, count: Count = uncounted) -> tuple[SetType, ...]:
    """The set types in a file's tables, sorted; empty where it has none.

    libipset's `struct ipset_type` (libipset/types.h) starts with a pointer to the name, then u8 revision, family and
    dimension, i8 kernel_check, bool last_elem_optional. A build that keeps its types in plug-ins has none.
    `count` is told how many relocations are looked at.
    """
    loaded = load(content, elf)
    names = {address: match[1] for address, match in loaded.matches(_NAME)}
    found: set[SetType] = set()
    for address, target in loaded.pointers_to(names, count):
        fields = loaded.read(address + elf.word_size, _FIELDS.size)
        if len(fields) < _FIELDS.size or fields[4] > 1:
            continue
        revision, family, dimension, kernel_check, _ = _FIELDS.unpack(fields)
        if family in _FAMILIES and 1 <= dimension <= 3 and kernel_check == 0:
            found.add(SetType(names[target].decode("ascii"), revision, family, dimension))
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.revision, entry.family, entry.dimension)))
