"""ELF files (64 bit, little-endian, x86-64) whose tables are small as they are stored, and ask for work without end."""

import itertools
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.elf.read.file import Tag
from benchmarks.hostile.elf import INTERPRETER, program_header

_LOAD, _DYNAMIC, _INTERP, _NOTE = 1, 2, 3, 4
_HEADERS = 1_100  # as many program headers as are read
_GO_MAGIC = b"\xff Go buildinf:"
LIBXTABLES = "libxtables.so.12"


@dataclass(frozen=True)
class Blob:
    """The address of a table, or its length."""

    number: int
    length: bool = False


Tags = Sequence[tuple[int, int | Blob]]


def tables(tags: Tags, *blobs: bytes, headers: Sequence[bytes] = (), behind: bytes = b"") -> bytes:
    """A program or library of these tables; `behind` are bytes that only `headers` lead to, from `elsewhere` on."""
    start = 64 + 56 * (len(headers) + 3)
    dynamic = start + len(INTERPRETER) + -(start + len(INTERPRETER)) % 16
    place = dynamic + 16 * (len(tags) + 1)
    body = bytearray()
    places = []
    for blob in blobs:
        body += bytes(-(place + len(body)) % 16)
        places.append(place + len(body))
        body += blob
    end = place + len(body)

    def number(value: int | Blob) -> int:
        if isinstance(value, int):
            return value
        return len(blobs[value.number]) if value.length else places[value.number]

    section = b"".join(struct.pack("<QQ", tag, number(value)) for tag, value in (*tags, (0, 0)))
    every = (
        program_header(_INTERP, start, len(INTERPRETER)),
        program_header(_LOAD, 0, end, 7),
        program_header(_DYNAMIC, dynamic, len(section)),
        *headers,
    )
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x1000, 64, 0, 0, 64, 56, len(every), 64, 0, 0)
    file = (head + b"".join(every) + INTERPRETER).ljust(dynamic, b"\0") + section + body
    return file.ljust(elsewhere(len(headers)), b"\0") + behind if behind else file


def elsewhere(headers: int) -> int:
    """Where in the file the bytes lie that only the headers lead to."""
    return 0x1000 * (2 + 56 * headers // 0x1000)


def _strings(number: int) -> Tags:
    return ((Tag.STRTAB, Blob(number)), (Tag.STRSZ, Blob(number, length=True)))


def go_headers(count: int, relocations: int) -> bytes:
    """What looks like a header of Go's build information, again and again, and pointers that might lead from it."""
    relative = b"".join(struct.pack("<QQq", 8 * number, 8, 0x1000) for number in range(relocations))
    table = ((Tag.RELA, Blob(1)), (Tag.RELASZ, Blob(1, length=True)))
    return tables(table, (_GO_MAGIC + b"\x08\0") * count, relative)


def endless_versions(count: int, length: int) -> bytes:
    """Versions whose names lie in a string table of one long string without an end."""
    records = b"".join(
        struct.pack("<HHHHIIIII", 1, 0, 2, 1, 5, 20, 28 if number + 1 < count else 0, number, 0)
        for number in range(count)
    )
    return tables((*_strings(0), (Tag.VERDEF, Blob(1))), b"a" * length, records)


def named(names: bytes, places: Sequence[int]) -> bytes:
    """Relocations of symbols whose names begin at these places of a string table."""
    symbols = bytes(24) + b"".join(struct.pack("<IBBHQQ", place, 0x12, 0, 0, 0, 0) for place in places)
    asked = b"".join(struct.pack("<QQq", 64, number + 1 << 32 | 6, 0) for number in range(len(places)))
    table = ((Tag.SYMTAB, Blob(1)), (Tag.RELA, Blob(2)), (Tag.RELASZ, Blob(2, length=True)))
    return tables((*_strings(0), *table), names, symbols, asked)


def endless_names(count: int, length: int) -> bytes:
    """Symbols whose names are the ends of one long string."""
    return named(b"a" * length, range(count))


def long_names(count: int) -> bytes:
    """Symbols with different names of some 150 letters, most of which share their bytes."""
    chance = random.Random(1)  # noqa: S311 - not for secrets
    texts = b"".join(bytes(chance.choices(b"abcdefghij", k=300)) + b"\0" for _ in range(3_400))
    return named(texts, range(count))


def spread_symbols(length: int) -> bytes:
    """Symbols that lie a page apart from each other."""
    every = range(1, length // 24, 683)
    symbols = bytearray(length)
    for number in every:
        symbols[24 * number + 4] = 0x12
    asked = b"".join(struct.pack("<QQq", 64, number << 32 | 6, 0) for number in every)
    table = ((Tag.SYMTAB, Blob(1)), (Tag.RELA, Blob(2)), (Tag.RELASZ, Blob(2, length=True)))
    return tables((*_strings(0), *table), b"\0", bytes(symbols), asked)


def loader_of_segments() -> bytes:
    """A loader whose segments, all of the same bytes, might hold its dynamic section anywhere."""
    place = elsewhere(_HEADERS)
    headers = [struct.pack("<IIQQQQQQ", _LOAD, 6, place, place, 0, 1 << 14, 1 << 14, 0x1000)] * _HEADERS
    entries = struct.pack("<QQ", Tag.STRTAB, 5) * 1_024
    return tables((), b"glibc-ld.so.cache1.1\0_rtld_global\0", headers=headers, behind=entries)


def overlapping_notes() -> bytes:
    """A thousand segments of notes, which are the same 64 KiB."""
    place = elsewhere(_HEADERS)
    headers = [struct.pack("<IIQQQQQQ", _NOTE, 4, place, place, 0, 1 << 16, 1 << 16, 4)] * _HEADERS
    return tables((), headers=headers, behind=struct.pack("<III4s", 4, 0, 9, b"GNU\0") * 4_096)


def text_without_end(length: int) -> bytes:
    """A program that holds one long text, which no NUL ends."""
    return tables((), b"\0" + b"a" * length + b"\1")


def many_versions(count: int) -> bytes:
    """A program of iptables with as many texts that could be its version."""
    numbers = itertools.islice(itertools.product(range(10, 100), repeat=3), count)
    versions = b"".join(b"1.%d.%d.%d\0" % each for each in numbers)
    return tables((), b"\0iptables\0%s v%s (legacy)\n\0" + versions)


def iptables() -> bytes:
    """A program that takes its extensions from plug-ins."""
    names = b"\0%s\0" % LIBXTABLES.encode()
    return tables((*_strings(0), (Tag.NEEDED, 1), (Tag.SYMTAB, Blob(0))), names, b"\0iptables\0%s v%s (legacy)\n\0")


def libxtables(directory: str) -> bytes:
    """Its library."""
    names = b"\0%s\0" % LIBXTABLES.encode()
    return tables((*_strings(0), (Tag.SONAME, 1), (Tag.SYMTAB, Blob(0))), names, b"\0%s\0" % directory.encode())


def packed_plugin(number: int) -> bytes:
    """A plug-in that registers nothing, and has 260,000 relocations in 33 KB."""
    packed = struct.pack("<Q", 0) + b"\xff" * 33_000
    table = ((Tag.RELR, Blob(0)), (Tag.RELRSZ, Blob(0, length=True)))
    return tables(table, packed, b"\0%s\0%d\0" % (LIBXTABLES.encode(), number))


def plugins(directory: str, count: int) -> Iterator[tuple[str, bytes]]:
    """As many of them."""
    for number in range(count):
        yield f"{directory}/libxt_p{number}.so", packed_plugin(number)
