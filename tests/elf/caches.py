"""Writes `/etc/ld.so.cache` in any of its forms, sound or not."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

NEW_MAGIC = b"glibc-ld.so.cache1.1"
OLD_MAGIC = b"ld.so-1.7.0\0"
AMD64 = 0x0303
NAMED = 1 << 62


@dataclass(frozen=True)
class Row:
    """An entry. `hwcap`: a mask, or a glibc-hwcaps name."""

    name: str
    path: str
    flags: int = AMD64
    hwcap: int | str = 0
    os_version: int = 0


def new_cache(
    rows: Sequence[Row], *, order: str = "<", flags: int | None = None, start: int = 0, names: Sequence[str] = ()
) -> bytes:
    """The new form; `start` is where it begins in the file, behind an old one."""
    levels = list(dict.fromkeys([*names, *(row.hwcap for row in rows if isinstance(row.hwcap, str))]))
    strings = b""
    places: dict[str, int] = {}
    base = 48 + 24 * len(rows)
    for text in dict.fromkeys([part for row in rows for part in (row.name, row.path)] + levels):
        places[text] = base + len(strings)
        strings += text.encode() + b"\0"
    strings += b"\0" * (-(start + base + len(strings)) % 4)
    extension = start + base + len(strings) if levels else 0
    if flags is None:
        flags = 2 if order == "<" else 3
    data = NEW_MAGIC + struct.pack(f"{order}IIB3xI12x", len(rows), len(strings), flags, extension)
    for row in rows:
        hwcap = NAMED | levels.index(row.hwcap) if isinstance(row.hwcap, str) else row.hwcap
        data += struct.pack(f"{order}iIIIQ", row.flags, places[row.name], places[row.path], row.os_version, hwcap)
    data += strings
    if levels:
        section = extension + 8 + 16
        data += struct.pack(f"{order}II", 0xEAA42174, 1)
        data += struct.pack(f"{order}IIII", 1, 0, section, 4 * len(levels))
        data += struct.pack(f"{order}{len(levels)}I", *(places[level] for level in levels))
    return data


def old_cache(rows: Sequence[Row], *, order: str = "<") -> bytes:
    """The old form."""
    strings = b""
    entries = b""
    for row in rows:
        name = len(strings)
        strings += row.name.encode() + b"\0"
        path = len(strings)
        strings += row.path.encode() + b"\0"
        entries += struct.pack(f"{order}iII", row.flags, name, path)
    return OLD_MAGIC + struct.pack(f"{order}I", len(rows)) + entries + strings


def compat_cache(rows: Sequence[Row], *, order: str = "<") -> bytes:
    """Both: an old one without entries (its strings would be the new one's), then the new one."""
    old = OLD_MAGIC + struct.pack(f"{order}I", 0)
    old += b"\0" * (-len(old) % 8)
    return old + new_cache(rows, order=order, start=len(old))
