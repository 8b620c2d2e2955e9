"""What a module says of itself: the `.modinfo` section of its ELF file, and the built-in modules' in one file.

A module's section is a row of NUL-terminated `key=value` texts; `modules.builtin.modinfo` is the same with
`module.key=value` (modinfo(8), the kernel's Documentation/kbuild/kbuild.rst).
"""

import struct
from collections.abc import Iterable

from msgspec import Struct

from auditor.errors import CorruptImage
from auditor.kernel.names import module_name
from auditor.machine import built_for

REMEDY = "get the kernel's package or tree anew"


class Modinfo(Struct, frozen=True):
    """A module's own words. `architecture` is as in OCI platforms; "" where it is unknown or the module built in."""

    name: str
    aliases: tuple[str, ...]
    depends: tuple[str, ...]
    description: str
    vermagic: str
    architecture: str = ""


def parse_module(data: bytes, name: str, where: str) -> Modinfo:
    """Read a module's uncompressed file. CorruptImage where it is no ELF file with a `.modinfo` section."""
    try:
        section, architecture = _section(data, b".modinfo")
    except struct.error as error:
        raise CorruptImage("the module's ELF file is cut short", where, REMEDY) from error
    if section is None:
        raise CorruptImage("not a kernel module: an ELF file with a .modinfo section", where, REMEDY)
    return _modinfo(name, (_text(entry) for entry in section.split(b"\0")), architecture)


def parse_builtin(data: bytes) -> dict[str, Modinfo]:
    """Read `modules.builtin.modinfo`: what each built-in module says of itself, by name."""
    texts: dict[str, list[str]] = {}
    for entry in data.split(b"\0"):
        name, dot, text = _text(entry).partition(".")
        if dot and "=" in text:
            texts.setdefault(module_name(name), []).append(text)
    return {name: _modinfo(name, entries, "") for name, entries in texts.items()}


def _modinfo(name: str, texts: Iterable[str], architecture: str) -> Modinfo:
    fields: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if equals:
            fields.setdefault(key, []).append(value)
    depends = [module_name(entry) for value in fields.get("depends", ()) for entry in value.split(",") if entry]
    return Modinfo(
        name=name,
        aliases=tuple(module_name(alias) for alias in fields.get("alias", ())),
        depends=tuple(depends),
        description=fields.get("description", [""])[-1],
        vermagic=fields.get("vermagic", [""])[-1],
        architecture=architecture,
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()


def _section(data: bytes, wanted: bytes) -> tuple[bytes | None, str]:
    """A section's bytes, None where there is none, and the architecture (elf(5)). struct.error: cut short."""
    if data[:4] != b"\x7fELF" or data[4:5] not in (b"\1", b"\2") or data[5:6] not in (b"\1", b"\2"):
        return None, ""
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    (machine,) = struct.unpack_from(order + "H", data, 18)
    architecture = built_for(machine, 64 if wide else 32, "little" if order == "<" else "big")
    # e_shoff, then e_flags to e_phnum, then e_shentsize, e_shnum, e_shstrndx
    if wide:
        table, _, entry_size, count, names_index = struct.unpack_from(order + "Q10sHHH", data, 40)
        layout = order + "IIQQQQII"  # name, type, flags, address, offset, size, link, info
    else:
        table, _, entry_size, count, names_index = struct.unpack_from(order + "I10sHHH", data, 32)
        layout = order + "IIIIIIII"
    if table + struct.calcsize(layout) > len(data):
        raise struct.error
    # With 0xff00 sections or more, the first one's header holds the numbers.
    first = struct.unpack_from(layout, data, table)
    count = count or first[5]
    names_index = first[6] if names_index == 0xFFFF else names_index
    if entry_size < struct.calcsize(layout) or names_index >= count:
        return None, architecture
    if table + count * entry_size > len(data):
        raise struct.error
    names = struct.unpack_from(layout, data, table + names_index * entry_size)[4]
    for index in range(count):
        name, kind, _, _, offset, size, _, _ = struct.unpack_from(layout, data, table + index * entry_size)
        start = names + name
        if data[start : start + len(wanted) + 1] == wanted + b"\0" and kind == 1:  # SHT_PROGBITS
            if offset + size > len(data):
                raise struct.error
            return data[offset : offset + size], architecture
    return None, architecture
