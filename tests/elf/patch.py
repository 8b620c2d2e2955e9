"""One number of a small 64-bit object changed: in a program header, a dynamic entry, or the table that one leads to."""

import io
import struct
from collections.abc import Callable

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

Change = Callable[[bytes], bytes]
LOAD, DYNAMIC, NOTE, TLS, RELRO = 1, 2, 4, 7, 0x6474E552
OFFSET, ADDRESS, FILE_SIZE, MEMORY_SIZE, ALIGNMENT = 8, 16, 32, 40, 48  # in a program header


def headers(data: bytes, kind: int) -> list[int]:
    """Where the program headers of a kind are."""
    start, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    places = range(start, start + 56 * count, 56)
    return [place for place in places if struct.unpack_from("<I", data, place)[0] == kind]


def put(data: bytes, place: int, layout: str, value: int) -> bytes:
    return data[:place] + struct.pack(layout, value) + data[place + struct.calcsize(layout) :]


def header(kind: int, field: int, add: int, number: int = 0) -> Change:
    """Add to a field of the `number`th program header of a kind."""

    def change(data: bytes) -> bytes:
        place = headers(data, kind)[number] + field
        return put(data, place, "<Q", (struct.unpack_from("<Q", data, place)[0] + add) % (1 << 64))

    return change


def header_is(kind: int, field: int, value: int) -> Change:
    """Another number in a field of the first program header of a kind."""
    return lambda data: put(data, headers(data, kind)[0] + field, "<Q", value)


def longer(most: int) -> Change:
    """The last segment takes more from the file: all that it has in memory, or so much."""

    def change(data: bytes) -> bytes:
        place = headers(data, LOAD)[-1]
        size, memory = struct.unpack_from("<QQ", data, place + FILE_SIZE)
        return put(data, place + FILE_SIZE, "<Q", min(memory, size + most))

    return change


def calls_beyond(data: bytes) -> bytes:
    """Each call by the PLT, if there is any, leads far beyond the beginning of its function."""
    section = ELFFile(io.BytesIO(data)).get_section_by_name(".rela.plt")
    places = range(section["sh_offset"], section["sh_offset"] + section["sh_size"], 24) if section else ()
    for place in places:
        data = put(data, place + 16, "<Q", 1 << 40)
    return data


def entry(tag: int, value: int) -> Change:
    """Another value of a dynamic entry."""
    return lambda data: put(data, dynamic(data, tag) + 8, "<Q", value)


def entry_with(tag: int, bit: int) -> Change:
    """One bit more in a dynamic entry."""

    def change(data: bytes) -> bytes:
        place = dynamic(data, tag) + 8
        return put(data, place, "<Q", struct.unpack_from("<Q", data, place)[0] | 1 << bit)

    return change


def ends_before(symbol: str) -> Change:
    """The segment of a symbol ends where the symbol begins, and what follows is zeros."""

    def change(data: bytes) -> bytes:
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".dynsym")
        assert isinstance(section, SymbolTableSection)
        address = next(each["st_value"] for each in section.iter_symbols() if each.name == symbol)
        for load in headers(data, LOAD):
            start, _, size = struct.unpack_from("<QQQ", data, load + ADDRESS)
            if start <= address < start + size:
                return put(data, load + FILE_SIZE, "<Q", address - start)
        raise AssertionError(f"no segment has {symbol}")

    return change


def both(one: Change, other: Change) -> Change:
    return lambda data: other(one(data))


def dynamic(data: bytes, tag: int) -> int:
    place = struct.unpack_from("<Q", data, headers(data, DYNAMIC)[0] + OFFSET)[0]
    while struct.unpack_from("<Q", data, place)[0] != tag:
        place += 16
    return int(place)


def table(tag: int, at: int, layout: str, value: int) -> Change:
    """Another number in the table that a dynamic entry leads to."""

    def change(data: bytes) -> bytes:
        address = struct.unpack_from("<Q", data, dynamic(data, tag) + 8)[0]
        for load in headers(data, LOAD):
            offset, start, _, size = struct.unpack_from("<QQQQ", data, load + OFFSET)
            if start <= address < start + size:
                return put(data, address - start + offset + at, layout, value)
        raise AssertionError(f"no table {tag}")

    return change
