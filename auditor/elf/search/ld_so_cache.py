"""`/etc/ld.so.cache` as glibc reads it (glibc's dl-cache.h; ldconfig(8)).

Three forms: the old one (`ld.so-1.7.0`), the new one (`glibc-ld.so.cache1.1`), and the new one behind the old
("compat"). All numbers are in the byte order of the machine that the file is for, strings end with NUL.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from msgspec import Struct

_OLD_MAGIC = b"ld.so-1.7.0\0"
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_EXTENSION_MAGIC = 0xEAA42174
_HWCAPS_SECTION = 1
_NAMED_HWCAP = 1 << 62
_NAME_LIMIT = 1 << 16
_TEXT_LIMIT = 1 << 24  # bytes of all names and paths


class CacheEntry(Struct, frozen=True):
    """One library. `hwcaps` is a glibc-hwcaps name, "" for a plain entry, None for a legacy mask in `mask`."""

    name: str
    path: str
    flags: int
    hwcaps: str | None
    mask: int


@dataclass(frozen=True)
class Cache:
    """The entries in file order."""

    entries: tuple[CacheEntry, ...]

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.entries)

    def lookup(self, name: str) -> tuple[CacheEntry, ...]:
        """The entries that glibc's binary search finds for a name: none for one that isn't where it belongs."""
        wanted = _rank(name)
        left, right = 0, len(self.entries) - 1
        while left <= right:
            middle = (left + right) // 2
            here = _rank(self.entries[middle].name)
            if here == wanted:
                return self._run(middle, right, wanted)
            # ldconfig sorts downwards.
            if wanted < here:
                left = middle + 1
            else:
                right = middle - 1
        return ()

    def _run(self, middle: int, right: int, wanted: "_Rank") -> tuple[CacheEntry, ...]:
        start = end = middle
        while start > 0 and _rank(self.entries[start - 1].name) == wanted:
            start -= 1
        while end < right and _rank(self.entries[end + 1].name) == wanted:
            end += 1
        return self.entries[start : end + 1]

    def lists(self, name: str) -> bool:
        """Whether any entry, in its place or not, has the name."""
        return name in self._names


class CacheTooLarge(Exception):
    """A cache with more in it than any real one: it can't be told what a loader would find."""


@dataclass
class _Reader:
    data: bytes
    prefix: Literal["<", ">"]
    left: int = _TEXT_LIMIT

    def string(self, offset: int) -> str | None:
        end = self.data.find(b"\0", offset, offset + _NAME_LIMIT) if 0 <= offset < len(self.data) else -1
        if end < 0:
            return None
        self.left -= end - offset
        if self.left < 0:
            raise CacheTooLarge
        return self.data[offset:end].decode("utf-8", "surrogateescape")


def read_cache(data: bytes, byte_order: Literal["little", "big"]) -> Cache | None:
    """The cache in a file's bytes, for a loader of that byte order. None where the loader would silently use none.

    Raises `CacheTooLarge`.
    """
    reader = _Reader(data, "<" if byte_order == "little" else ">")
    if data.startswith(_NEW_MAGIC):
        return _new(reader, 0)
    if not data.startswith(_OLD_MAGIC) or len(data) < 16:
        return None
    (count,) = struct.unpack_from(f"{reader.prefix}I", data, 12)
    end = 16 + 12 * count
    if end > len(data):
        return None
    new = -(-end // 8) * 8
    if data.startswith(_NEW_MAGIC, new):
        return _new(reader, new)
    return _old(reader, count, end)


def _old(reader: _Reader, count: int, strings: int) -> Cache:
    rows = struct.iter_unpack(f"{reader.prefix}iII", reader.data[16 : 16 + 12 * count])
    found = ((reader.string(strings + name), reader.string(strings + path), flags, 0) for flags, name, path in rows)
    return _collect(found, [])


def _new(reader: _Reader, start: int) -> Cache | None:
    data, prefix = reader.data, reader.prefix
    if start + 48 > len(data):
        return None
    count, _, flags, extension = struct.unpack_from(f"{prefix}IIB3xI", data, start + 20)
    # The order that ldconfig wrote it in: 0 where it didn't say, 2 little, 3 big, 1 invalid.
    if flags & 3 not in (0, 2 if prefix == "<" else 3):
        return None
    end = start + 48 + 24 * count
    if end > len(data):
        return None
    # Offsets of the extension count from the file's start: in the compat form the loader finds none.
    hwcaps = _extension(reader, extension) if start == 0 else []
    rows = struct.iter_unpack(f"{prefix}iIIIQ", data[start + 48 : end])
    found = (
        (reader.string(start + name), reader.string(start + path), flags, hwcap) for flags, name, path, _, hwcap in rows
    )
    return _collect(found, hwcaps)


def _extension(reader: _Reader, start: int) -> list[str]:
    """The names of glibc-hwcaps, none where there is no sound extension."""
    data, prefix = reader.data, reader.prefix
    if start == 0 or start % 4 or start + 8 > len(data):
        return []
    magic, count = struct.unpack_from(f"{prefix}II", data, start)
    if magic != _EXTENSION_MAGIC or start + 8 + 16 * count > len(data):
        return []
    hwcaps: list[str] = []
    for tag, _, offset, size in struct.iter_unpack(f"{prefix}IIII", data[start + 8 : start + 8 + 16 * count]):
        section = data[offset : offset + size]
        if len(section) != size:
            return []
        if tag == _HWCAPS_SECTION and size % 4 == 0:
            hwcaps = [reader.string(name) or "" for (name,) in struct.iter_unpack(f"{prefix}I", section)]
    return hwcaps


_Row = tuple[str | None, str | None, int, int]


def _collect(rows: Iterator[_Row], hwcaps: list[str]) -> Cache:
    entries = [
        _entry(name, path, flags, hwcap, hwcaps)
        for name, path, flags, hwcap in rows
        if name is not None and path is not None
    ]
    return Cache(tuple(entries))


def _entry(name: str, path: str, flags: int, hwcap: int, hwcaps: list[str]) -> CacheEntry:
    if hwcap == 0:
        return CacheEntry(name, path, flags, "", 0)
    if hwcap >> 32 != _NAMED_HWCAP >> 32:
        return CacheEntry(name, path, flags, None, hwcap)
    index = hwcap & 0xFFFFFFFF
    # A name that the loader can't find is one that no machine has.
    return CacheEntry(name, path, flags, hwcaps[index] if index < len(hwcaps) else f"#{index}", 0)


_Rank = tuple[tuple[int, int], ...]
_DIGITS = re.compile(r"([0-9]+)")


@lru_cache(maxsize=1 << 14)
def _rank(name: str) -> _Rank:
    """A sort key for glibc's `_dl_cache_libcmp`: digit runs compare as numbers, above any other character."""
    ranks: list[tuple[int, int]] = []
    for part in _DIGITS.split(name):
        if part.isdigit() and part.isascii():
            ranks.append((1, int(part[:18])))
        else:
            ranks.extend((0, byte) for byte in part.encode("utf-8", "surrogateescape"))
    return tuple(ranks)
