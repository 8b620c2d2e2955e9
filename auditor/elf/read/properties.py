"""Whether a kernel that reads a file's properties takes them (`parse_elf_properties` of Linux's binfmt_elf.c, gABI
supplement "Program Property"). arm64's does since 5.8, before it starts anything: of the loader, where there is one,
else of the program.
"""

import struct

_SIZE_LIMIT = 1024  # bytes of all of them
_HEADER = 16  # of a note, with its name
_KIND = 5  # NT_GNU_PROPERTY_TYPE_0
_NAME = b"GNU\0"
_ALIGNMENT = 8
_FEATURES, _FEATURES_SIZE = 0xC0000000, 4  # GNU_PROPERTY_AARCH64_FEATURE_1_AND


def property_fault(data: bytes, size: int, prefix: str) -> str:
    """Why it refuses the file; "" where it goes on. `data` is what the file has of the `size` bytes that its
    PT_GNU_PROPERTY asks for, `prefix` struct's byte order.
    """
    if size > _SIZE_LIMIT:
        return "its PT_GNU_PROPERTY is too large"
    if len(data) < _HEADER:
        return "its PT_GNU_PROPERTY is too small, or not in the file"
    name_size, length, kind = struct.unpack_from(f"{prefix}III", data)
    if kind != _KIND or name_size != len(_NAME) or data[12:_HEADER] != _NAME:
        return "its PT_GNU_PROPERTY holds another note"
    if length > len(data) - _HEADER:
        return "the note in its PT_GNU_PROPERTY is larger than that"
    return "" if _are_sound(data[_HEADER : _HEADER + length], prefix) else "the properties in its notes are malformed"


def _are_sound(rest: bytes, prefix: str) -> bool:
    """Whether each lies within the note, and they are sorted by their types, each once."""
    last = -1
    while rest:
        if len(rest) < _ALIGNMENT:
            return False
        kind, size = struct.unpack_from(f"{prefix}II", rest)
        step = -(-size // _ALIGNMENT) * _ALIGNMENT
        if step > len(rest) - _ALIGNMENT or kind <= last or (kind == _FEATURES and size != _FEATURES_SIZE):
            return False
        last, rest = kind, rest[_ALIGNMENT + step :]
    return True
