"""Notes of an object, from PT_NOTE (gABI, "Note Section")."""

import json
import struct
from collections.abc import Iterator

from msgspec import Struct

from auditor.elf.read.memory import Unreadable

_GNU = b"GNU"
_ABI_TAG = 1  # NT_GNU_ABI_TAG
_BUILD_ID = 3  # NT_GNU_BUILD_ID
_PROPERTIES = 5  # NT_GNU_PROPERTY_TYPE_0
_X86_ISA_NEEDED = 0xC0008002  # GNU_PROPERTY_X86_ISA_1_NEEDED (x86-64 psABI, "Program Property")
_FDO = b"FDO"
_DLOPEN = 0x407C0C0A  # systemd's ELF dlopen metadata specification
_COUNT_LIMIT = 1 << 10  # notes of one object
_KERNELS = {0: "Linux", 1: "Hurd", 2: "Solaris", 3: "FreeBSD", 4: "NetBSD"}


class AbiNote(Struct, frozen=True):
    """The oldest kernel an object says it runs on: `.note.ABI-tag` (LSB, "Object Format")."""

    system: str  # "Linux", …; the number as text where it isn't known
    version: tuple[int, int, int]


class DlopenNote(Struct, frozen=True):
    """One library that an object may load later by name (systemd's "ELF dlopen metadata specification").

    `sonames` are alternatives, the first that loads is taken; `priority` is `required`, `recommended` or `suggested`.
    """

    sonames: tuple[str, ...]
    feature: str = ""
    description: str = ""
    priority: str = "recommended"


class Notes(Struct, frozen=True):
    """The notes that matter here."""

    abi: AbiNote | None = None
    build_id: str | None = None
    dlopen: tuple[DlopenNote, ...] = ()
    x86_isa_needed: int = 0  # bit 0: x86-64, 1: x86-64-v2, …


def read_notes(parts: list[tuple[bytes, int]], prefix: str) -> Notes:
    """The notes in the bytes of each PT_NOTE segment, given with its alignment; `prefix` is struct's byte order.

    What can't be read is passed over: no loader fails on a note. Raises `Unreadable` where there are more than any
    real object has.
    """
    abi: AbiNote | None = None
    build_id: str | None = None
    dlopen: list[DlopenNote] = []
    x86_isa_needed = 0
    count = 0
    for data, alignment in parts:
        for owner, kind, description in _entries(data, alignment, prefix):
            count += 1
            if count > _COUNT_LIMIT:
                raise Unreadable(f"it has more notes than any real object (limit {_COUNT_LIMIT})")
            if owner == _GNU and kind == _ABI_TAG and len(description) >= 16 and abi is None:
                system, *version = struct.unpack_from(f"{prefix}4I", description)
                abi = AbiNote(_KERNELS.get(system, str(system)), (version[0], version[1], version[2]))
            elif owner == _GNU and kind == _BUILD_ID and build_id is None:
                build_id = description.hex()
            elif owner == _GNU and kind == _PROPERTIES:
                x86_isa_needed |= _x86_isa(description, alignment, prefix)
            elif owner == _FDO and kind == _DLOPEN:
                dlopen.extend(_dlopen_entries(description))
    return Notes(abi, build_id, tuple(dict.fromkeys(dlopen)), x86_isa_needed)


def _entries(data: bytes, alignment: int, prefix: str) -> Iterator[tuple[bytes, int, bytes]]:
    step = 8 if alignment == 8 else 4
    header = struct.Struct(f"{prefix}3I")
    position = 0
    while position + header.size <= len(data):
        name_size, description_size, kind = header.unpack_from(data, position)
        name = position + header.size
        description = _round_up(name + name_size, step)
        if description + description_size > len(data):
            return
        yield data[name : name + name_size].rstrip(b"\0"), kind, data[description : description + description_size]
        position = _round_up(description + description_size, step)


def _x86_isa(description: bytes, alignment: int, prefix: str) -> int:
    """The word of the one property that says which instruction sets are needed; 0 without."""
    position, step = 0, 8 if alignment == 8 else 4
    while position + 8 <= len(description):
        kind, size = struct.unpack_from(f"{prefix}2I", description, position)
        if kind == _X86_ISA_NEEDED and size == 4 and position + 12 <= len(description):
            word: int = struct.unpack_from(f"{prefix}I", description, position + 8)[0]
            return word
        position += 8 + _round_up(size, step)
    return 0


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step


def _dlopen_entries(description: bytes) -> Iterator[DlopenNote]:
    try:
        entries = json.loads(description.rstrip(b"\0"))
    except (ValueError, RecursionError):
        return
    for entry in entries if isinstance(entries, list) else ():
        sonames = entry.get("soname") if isinstance(entry, dict) else None
        if not isinstance(sonames, list) or not all(isinstance(soname, str) for soname in sonames):
            continue
        texts = {key: value for key, value in entry.items() if isinstance(value, str)}
        yield DlopenNote(
            tuple(sonames),
            texts.get("feature", ""),
            texts.get("description", ""),
            texts.get("priority", "recommended"),
        )
