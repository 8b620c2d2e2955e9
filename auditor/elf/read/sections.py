"""Where the maker of a file put variables that begin with zeros: the one thing that only section headers tell.

No loader reads them, and a file without them is as good. They are asked where a program header may be damaged.
"""

import struct
from collections.abc import Iterator

from auditor.elf.read.file import ElfFile
from auditor.elf.read.memory import file_bytes
from auditor.filetree import Content

_LIMIT = 1 << 8  # sections; a loader has 30
_NOBITS = 8
_WRITE_ALLOC = 3
_FLAGS = 0x407  # of those that are compared: written to, in memory, executable; of threads
# By class: where e_shoff and e_shentsize are and the layout of each, and the layout of a section header.
_LAYOUTS = {32: (32, "I", 46, "IIIIII16x"), 64: (40, "Q", 58, "IIQQQQ24x")}


def zeroed(content: Content, elf: ElfFile) -> Iterator[tuple[int, int]]:
    """Address and size of each such section; nothing where the headers can't be read."""
    start_at, word, sizes_at, row = _LAYOUTS[elf.bits]
    layout = struct.Struct(elf.prefix + row)
    head = file_bytes(content, 0, 64)
    if len(head) < sizes_at + 4:
        return
    (start,) = struct.unpack_from(elf.prefix + word, head, start_at)
    entry, count = struct.unpack_from(f"{elf.prefix}HH", head, sizes_at)
    if entry != layout.size or count > _LIMIT:
        return
    data = file_bytes(content, start, count * entry)
    for _, kind, flags, address, _, size in layout.iter_unpack(data[: len(data) // entry * entry]):
        if kind == _NOBITS and flags & _FLAGS == _WRITE_ALLOC:
            yield address, size
