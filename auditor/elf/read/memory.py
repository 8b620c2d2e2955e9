"""What the memory of a loaded object holds: bytes by virtual address, through its PT_LOAD segments alone.

A loader maps segments and follows addresses; it never reads section headers (gABI, "Program Loading").
"""

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct

from auditor.filetree import Content

TABLE_LIMIT = 1 << 27  # bytes of one table; no real object comes near it
_STRING_LIMIT = 1 << 16
TEXT_LIMIT = 1 << 26  # bytes of all names taken from one table
_CHUNK = 1 << 12
PAGE = 1 << 12  # the smallest of any machine here
PF_X, PF_W = 1, 2
_PAGE = 1 << 14
_RECORD = 64
_ADDRESSES = (1 << 64) - 1  # sums of addresses wrap
_KEPT_WORDS = 1 << 18
_KEPT_PAGES = 1 << 8
_ZEROS = 1 << 20  # bytes that are seen of what a segment has beyond the file's: no table lies there


def file_bytes(content: Content, offset: int, length: int) -> bytes:
    """Up to `length` bytes of the file at `offset`, whatever numbers a hostile header holds."""
    length = min(length, content.size - offset, TABLE_LIMIT)
    return content.read(offset, length) if length > 0 else b""


class Unreadable(Exception):
    """Bytes that an object points at and doesn't have; never leaves this package."""


class Segment(Struct, frozen=True):
    """One PT_LOAD entry of the program headers (gABI, "Program Header")."""

    offset: int
    address: int
    file_size: int
    memory_size: int
    flags: int
    alignment: int = 0

    @property
    def writable(self) -> bool:
        """Whether it may be written to once it is mapped."""
        return bool(self.flags & PF_W)

    @property
    def executable(self) -> bool:
        """Whether it holds code."""
        return bool(self.flags & PF_X)


def page_down(address: int) -> int:
    """The page that an address lies in."""
    return address // PAGE * PAGE


def page_up(address: int) -> int:
    """The end of the page that the byte before an address lies in."""
    return -(-address // PAGE) * PAGE


class _Piece(Struct, frozen=True):
    """Addresses in a row, of bytes from `offset` of the file on, or of zeros (None)."""

    start: int
    end: int
    offset: int | None


class Memory:
    """What one object's segments hold in memory, by whole pages. Addresses are unrelocated, as the file states them."""

    def __init__(self, content: Content, segments: Sequence[Segment]) -> None:
        self.content = content
        self._pieces = _mapped(tuple(segments))
        self._starts = [piece.start for piece in self._pieces]

    def offset_of(self, address: int) -> int | None:
        """The file offset of what is mapped at `address`; None where no segment has file bytes there."""
        piece = next(self._pieces_from(address), None)
        return None if piece is None or piece.offset is None else piece.offset + address - piece.start

    def read(self, address: int, length: int) -> bytes:
        """Up to `length` bytes at `address`, less where nothing more is mapped; b"" where nothing is."""
        parts = []
        left = min(length, TABLE_LIMIT)
        for piece in self._pieces_from(address):
            count = min(left, piece.end - address)
            data = self._bytes_of(piece, address - piece.start, count)
            parts.append(data)
            left -= count
            address += count
            if len(data) < count or left <= 0:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _pieces_from(self, address: int) -> Iterator[_Piece]:
        """The piece that an address is in, and those that follow it without a gap."""
        for number in range(max(0, bisect_right(self._starts, address) - 1), len(self._pieces)):
            piece = self._pieces[number]
            if not piece.start <= address < piece.end:
                return
            yield piece
            address = piece.end

    def _bytes_of(self, piece: _Piece, start: int, count: int) -> bytes:
        if piece.offset is None:
            return bytes(count)
        data = file_bytes(self.content, piece.offset + start, count)
        # What is missing of the file's last page reads as zeros (mmap(2)).
        rest = _up(self.content.size) - piece.offset - start - len(data)
        return data + bytes(max(0, min(count - len(data), rest))) if len(data) < count else data

    def read_exactly(self, address: int, length: int) -> bytes:
        """`length` bytes at `address`; raises `Unreadable` where they aren't all there."""
        data = self.read(address, length)
        if len(data) != length:
            raise Unreadable(f"{length} bytes at {address:#x} lie outside the loaded segments")
        return data

    def string(self, address: int) -> bytes:
        """The NUL-terminated string at `address`; raises `Unreadable` where it doesn't end."""
        for length in (_CHUNK, _STRING_LIMIT):  # nearly all are short
            text, end, _ = self.read(address, length).partition(b"\0")
            if end:
                return text
        raise Unreadable(f"the string at {address:#x} has no end")


@lru_cache(maxsize=64)
def _mapped(segments: tuple[Segment, ...]) -> tuple[_Piece, ...]:
    """What is where, by address: of segments that share a page, the later one lies there."""
    pieces = [piece for segment in segments for piece in _pages(segment)]
    waiting = sorted(range(len(pieces)), key=lambda number: pieces[number].start, reverse=True)
    there: list[int] = []  # a heap of those that begin before, the last mapped on top
    found = []
    for low, high in pairwise(sorted({place for piece in pieces for place in (piece.start, piece.end)})):
        while waiting and pieces[waiting[-1]].start <= low:
            heappush(there, -waiting.pop())
        while there and pieces[-there[0]].end <= low:
            heappop(there)
        if there:
            top = pieces[-there[0]]
            found.append(_Piece(low, high, None if top.offset is None else top.offset + low - top.start))
    return tuple(found)


def _pages(segment: Segment) -> Iterator[_Piece]:
    """The pages of a segment: of the file's bytes, those around it too, and zeros where it has more than those
    (`_dl_map_segments` of glibc, `map_library` of musl, `elf_load` of the kernel).
    """
    start = segment.address // PAGE * PAGE
    data_end = segment.address + segment.file_size
    end = _up(max(data_end, segment.address + segment.memory_size))
    zeros = data_end if segment.memory_size > segment.file_size else end
    if start < zeros:
        yield _Piece(start, zeros, segment.offset // PAGE * PAGE)
    if zeros < end:
        yield _Piece(zeros, min(end, zeros + _ZEROS), None)


def _up(address: int) -> int:
    return -(-address // PAGE) * PAGE


class Strings:
    """A string table in memory (gABI, "String Table"): read at once, names cut out on demand, `limit` bytes in all.

    However long the table is, an end is looked for only as far as a string may reach.
    """

    def __init__(self, memory: Memory, address: int, size: int, limit: int = TEXT_LIMIT) -> None:
        self._memory = memory
        self._address = address
        self._table = memory.read(address, size)
        self._left = limit

    def at(self, offset: int) -> bytes:
        """The string at `offset`. As the loader, which knows no table size, goes on past the table's stated end."""
        self._spend(0)
        end = self._table.find(b"\0", offset, offset + _STRING_LIMIT)
        try:
            text = self._table[offset:end] if end >= 0 else self._memory.string((self._address + offset) & _ADDRESSES)
        except Unreadable:
            self._left -= _STRING_LIMIT  # it was looked for all the same
            raise
        self._spend(len(text))
        return text

    def is_at(self, offset: int, text: bytes) -> bool:
        """Whether the string at `offset` is this one; like a loader, it looks no further than the first difference."""
        if offset + len(text) < len(self._table):
            return self._table.startswith(text + b"\0", offset)
        wanted = text + b"\0"
        found = self._memory.read((self._address + offset) & _ADDRESSES, len(wanted))
        if len(found) < len(wanted) and wanted.startswith(found):
            raise Unreadable(f"the string at {self._address + offset:#x} has no end")
        return found == wanted

    def many(self, offsets: Sequence[int]) -> list[bytes]:
        """The strings at many offsets, in bulk: symbol tables have thousands."""
        table, find, last = self._table, self._table.find, self._left
        found = []
        for offset in offsets:
            end = find(b"\0", offset, offset + _STRING_LIMIT)
            if end < 0:
                return [self.at(offset) for offset in offsets]  # somewhere the table's stated size is too small
            last -= end - offset
            if last < 0:
                break
            found.append(table[offset:end])
        self._spend(self._left - last)
        return found

    def text_at(self, offset: int) -> str:
        """The string at `offset` as text, undecodable bytes kept."""
        return self.at(offset).decode("utf-8", "surrogateescape")

    def _spend(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise Unreadable("it has longer names than any real object")


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
            if len(self._pages) >= _KEPT_PAGES:
                self._pages.clear()
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
