"""ELF files (64 bit, little-endian, x86-64) with tables of any length."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

INTERPRETER = b"/lib64/ld-linux-x86-64.so.2\0"
_LOAD, _DYNAMIC, _INTERP, _NOTE = 1, 2, 3, 4


@dataclass(frozen=True)
class Shape:
    """How much of everything. `needs` are sonames; `headers` is a kind of program header, and how many more of it."""

    needs: tuple[str, ...] = ()
    soname: str = ""
    symbols: int = 0
    relocations: int = 0
    program: bool = False
    headers: tuple[int, int] = (0, 0)


def elf(shape: Shape) -> bytes:
    """The file. Its relocations name its symbols in turn, each of which it defines under a name of its own."""
    names = bytearray(b"\0")
    places = [_add(names, need.encode()) for need in shape.needs]
    soname = _add(names, shape.soname.encode()) if shape.soname else 0
    count = shape.headers[1] + 4
    start = 64 + 56 * count
    interpreter = start
    dynamic = _aligned(interpreter + len(INTERPRETER))
    table = dynamic + 16 * (len(shape.needs) + 12)
    first_name = len(names)
    names += b"".join(b"s%07x\0" % number for number in range(shape.symbols))
    symbols = b"".join(
        (bytes(24), *(_symbol(first_name + 9 * number, 0x1000 + number) for number in range(shape.symbols)))
    )
    strings = table + len(symbols)
    hashes = _aligned(strings + len(names))
    hashed = _gnu_hash(shape.symbols)
    relocations = hashes + len(hashed)
    relocated = b"".join(_relocations(shape, relocations + 24 * shape.relocations))
    end = relocations + len(relocated) + 8
    tags = [*((1, place) for place in places), *([(14, soname)] if soname else [])]
    tags += [(5, strings), (10, len(names)), (6, table), (11, 24), (0x6FFFFEF5, hashes)]
    tags += [(7, relocations), (8, len(relocated)), (9, 24)] if relocated else []
    section = b"".join(struct.pack("<QQ", *tag) for tag in (*tags, (0, 0)))
    headers = [
        program_header(_INTERP if shape.program else 0, interpreter, len(INTERPRETER)),
        program_header(_LOAD, 0, end, 7),
        program_header(_DYNAMIC, dynamic, len(section)),
        program_header(0x6474E551, 0, 0, 6),
        *[program_header(shape.headers[0], start, 32)] * shape.headers[1],
    ]
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = ident + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x1000, 64, 0, 0, 64, 56, min(count, 0xFFFF), 64, 0, 0)
    body = (head + b"".join(headers) + INTERPRETER).ljust(dynamic, b"\0") + section
    return (body.ljust(table, b"\0") + symbols + names).ljust(hashes, b"\0") + hashed + relocated + bytes(8)


def _add(names: bytearray, name: bytes) -> int:
    place = len(names)
    names += name + b"\0"
    return place


def _aligned(place: int) -> int:
    return place + -place % 16


def program_header(kind: int, offset: int, size: int, flags: int = 4) -> bytes:
    """An entry that has the same offset as address, and the same size in the file as in memory."""
    return struct.pack("<IIQQQQQQ", kind, flags, offset, offset, offset, size, size, 0x1000 if kind == _LOAD else 8)


def _symbol(name: int, value: int) -> bytes:
    return struct.pack("<IBBHQQ", name, 0x12, 0, 1, value, 8)


def _gnu_hash(count: int) -> bytes:
    """One bucket that leads to all; every hash the same, so that a look-up goes through them to the end."""
    words = struct.pack("<4IQI", 1, 1, 1, 6, (1 << 64) - 1, 1 if count else 0)
    return words + struct.pack("<I", 0x7C92) * max(0, count - 1) + struct.pack("<I", 1)


def _relocations(shape: Shape, place: int) -> Iterable[bytes]:
    """R_X86_64_GLOB_DAT of one symbol after another; without symbols, R_X86_64_RELATIVE."""
    for number in range(shape.relocations):
        symbol = number % shape.symbols + 1 if shape.symbols else 0
        yield struct.pack("<QQq", place, symbol << 32 | (6 if symbol else 8), 0x1000)
