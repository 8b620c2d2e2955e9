"""What the memory of a loaded object holds: bytes by virtual address, through its PT_LOAD segments alone.

A loader maps segments and follows addresses; it never reads section headers (gABI, "Program Loading").
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from auditor.filetree import Content

TABLE_LIMIT = 1 << 27  # bytes of one table; no real object comes near it
_STRING_LIMIT = 1 << 16
_TEXT_LIMIT = 1 << 26  # bytes of all names taken from one table
_CHUNK = 1 << 12
PAGE = 1 << 12  # the smallest of any machine here
_PAGE = 1 << 14
_RECORD = 64
_ADDRESSES = (1 << 64) - 1  # sums of addresses wrap
_KEPT_WORDS = 1 << 18


def file_bytes(content: Content, offset: int, length: int) -> bytes:
    """Up to `length` bytes of the file at `offset`, whatever numbers a hostile header holds."""
    length = min(length, content.size - offset, TABLE_LIMIT)
    return content.read(offset, length) if length > 0 else b""


class Unreadable(Exception):
    """Bytes that an object points at and doesn't have; never leaves this package."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One PT_LOAD entry of the program headers (gABI, "Program Header")."""

    offset: int
    address: int
    file_size: int
    memory_size: int
    flags: int
    alignment: int = 0

    @property
    def mapped_offset(self) -> int:
        """Where in the file the bytes at `address` come from: segments are mapped by whole pages."""
        return self.offset - self.offset % PAGE + self.address % PAGE


@dataclass(frozen=True, slots=True)
class Memory:
    """The segments of one object over its file's bytes. Addresses are unrelocated, as the file states them."""

    content: Content
    segments: Sequence[Segment]

    def offset_of(self, address: int) -> int | None:
        """The file offset of what is mapped at `address`; None where no segment has file bytes there."""
        for segment in self.segments:
            if segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.mapped_offset
        return None

    def read(self, address: int, length: int) -> bytes:
        """Up to `length` bytes at `address`, less where the segment or the file ends; b"" where nothing is mapped."""
        for segment in self.segments:
            start = address - segment.address
            if 0 <= start < segment.file_size:
                return file_bytes(self.content, segment.mapped_offset + start, min(length, segment.file_size - start))
        return b""

    def read_exactly(self, address: int, length: int) -> bytes:
        """`length` bytes at `address`; raises `Unreadable` where they aren't all there."""
        data = self.read(address, length)
        if len(data) != length:
            raise Unreadable(f"{length} bytes at {address:#x} lie outside the loaded segments")
        return data

    def string(self, address: int) -> bytes:
        """The NUL-terminated string at `address`; raises `Unreadable` where it doesn't end."""
        data = b""
        while len(data) < _STRING_LIMIT:
            more = self.read(address + len(data), _CHUNK)
            head, end, _ = more.partition(b"\0")
            data += head
            if end:
                return data
            if not more:
                break
        raise Unreadable(f"the string at {address:#x} has no end")


class Strings:
    """A string table in memory (gABI, "String Table"): read at once, names cut out on demand."""

    def __init__(self, memory: Memory, address: int, size: int) -> None:
        self._memory = memory
        self._address = address
        self._table = memory.read(address, size)
        self._left = _TEXT_LIMIT

    def at(self, offset: int) -> bytes:
        """The string at `offset`. As the loader, which knows no table size, goes on past the table's stated end."""
        end = self._table.find(b"\0", offset) if offset < len(self._table) else -1
        text = self._table[offset:end] if end >= 0 else self._memory.string((self._address + offset) & _ADDRESSES)
        self._spend(len(text))
        return text

    def is_at(self, offset: int, text: bytes) -> bool:
        """Whether the string at `offset` is this one."""
        if offset + len(text) < len(self._table):
            return self._table.startswith(text + b"\0", offset)
        return self._memory.string((self._address + offset) & _ADDRESSES) == text

    def many(self, offsets: Sequence[int]) -> list[bytes]:
        """The strings at many offsets, in bulk: symbol tables have thousands."""
        table, find = self._table, self._table.find
        ends = [find(b"\0", offset) for offset in offsets]
        if min(ends, default=0) < 0:
            return [self.at(offset) for offset in offsets]  # somewhere the table's stated size is too small
        self._spend(sum(ends) - sum(offsets))
        return [table[offset:end] for offset, end in zip(offsets, ends, strict=True)]

    def text_at(self, offset: int) -> str:
        """The string at `offset` as text, undecodable bytes kept."""
        return self.at(offset).decode("utf-8", "surrogateescape")

    def _spend(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise Unreadable("names that share their bytes add up to more than any real object's")


class Window:
    """Records that lie one after another from an address on, read in growing pieces as they are asked for."""

    def __init__(self, memory: Memory, address: int) -> None:
        self._memory = memory
        self._address = address
        self._data = b""

    def unpack(self, layout: struct.Struct, offset: int) -> tuple[Any, ...]:
        """The record at `offset`; raises `Unreadable` outside the segment."""
        end = offset + layout.size
        if end > len(self._data):
            self._data = self._memory.read(self._address, max(_CHUNK, 2 * end))
            if end > len(self._data):
                raise Unreadable(f"a record at {self._address + offset:#x} lies outside the loaded segments")
        return layout.unpack_from(self._data, offset)


class WordReader:
    """Numbers and records anywhere in an object's memory, of which the pages that were asked for are kept.

    Everything raises `Unreadable` outside the loaded segments.
    """

    def __init__(self, memory: Memory, prefix: str) -> None:
        self._memory = memory
        self._pages: dict[int, bytes] = {}
        self._order: Literal["little", "big"] = "little" if prefix == "<" else "big"
        self._short = struct.Struct(f"{prefix}H")
        self._word = struct.Struct(f"{prefix}I")
        self._long = struct.Struct(f"{prefix}Q")

    def half(self, address: int) -> int:
        """16 bits."""
        return int(self.unpack(self._short, address)[0])

    def word(self, address: int) -> int:
        """32 bits."""
        return int(self.unpack(self._word, address)[0])

    def number(self, address: int, bits: int) -> int:
        """32 or 64 bits."""
        return int(self.unpack(self._long if bits == 64 else self._word, address)[0])

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        """A record, of 64 bytes at most."""
        data, start = self._at(address)
        if start + layout.size > len(data):
            raise Unreadable(f"{layout.size} bytes at {address:#x} lie outside the loaded segments")
        return layout.unpack_from(data, start)

    def numbers(self, address: int, count: int, bits: int) -> "array[int]":
        """Numbers in a row, of 16, 32 or 64 bits: as many of them as there are."""
        size = bits // 8
        data = self._memory.read(address, count * size)
        found = array({16: "H", 32: "I", 64: "Q"}[bits], data[: len(data) // size * size])
        if self._order != sys.byteorder:
            found.byteswap()
        return found

    def _at(self, address: int) -> tuple[bytes, int]:
        """Bytes that hold the record at an address, and where in them it begins."""
        page, start = divmod(address, _PAGE)
        data = self._pages.get(page)
        if data is None:
            data = self._pages[page] = self._memory.read(page * _PAGE, _PAGE + _RECORD)
        if start < len(data):
            return data, start
        return self._memory.read(address, _RECORD), 0  # the segment begins within the page


class WordTable:
    """Numbers in a row, of 32 or 64 bits, by their place: those of a table of usual size are `kept`, others are read
    when they are asked for, also before and beyond the table, as loaders do. Raises `Unreadable`.
    """

    def __init__(self, words: WordReader, address: int, count: int, bits: int) -> None:
        self._words = words
        self._address = address
        self._bits = bits
        self.kept = words.numbers(address, min(count, _KEPT_WORDS), bits)

    def __getitem__(self, place: int) -> int:
        if 0 <= place < len(self.kept):
            return self.kept[place]
        return self._words.number(self._address + place * self._bits // 8, self._bits)
