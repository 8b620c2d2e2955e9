"""SQLite's write-ahead log: committed pages that are not yet in the database file (sqlite.org/walformat.html)."""

import struct
from typing import IO

from auditor.packages.rpm.errors import DamagedDatabase

_HEADER, _FRAME = 32, 24


def apply(database: IO[bytes], log: bytes) -> None:
    """Make the database what SQLite would see with this log beside it: every commit up to the first invalid frame.

    A log that has no valid header is none, as for SQLite. Raises DamagedDatabase where a page can't be placed.
    """
    if len(log) < _HEADER:
        return
    magic, _, page_size, _, *salts, sum1, sum2 = struct.unpack_from(">8I", log)
    order = {0x377F0682: "<", 0x377F0683: ">"}.get(magic)
    if order is None or page_size < 512 or page_size > 65536 or page_size & (page_size - 1):
        return
    sums = _checksum(order, log[:24], (0, 0))
    if sums != (sum1, sum2):
        return
    pending: dict[int, int] = {}
    committed: dict[int, int] = {}
    pages = 0
    for offset in range(_HEADER, len(log) - _FRAME - page_size + 1, _FRAME + page_size):
        number, size, *frame_salts, sum1, sum2 = struct.unpack_from(">6I", log, offset)
        sums = _checksum(order, log[offset : offset + 8], sums)
        sums = _checksum(order, log[offset + _FRAME : offset + _FRAME + page_size], sums)
        if frame_salts != salts or sums != (sum1, sum2) or not number:
            break
        pending[number] = offset + _FRAME
        if size:
            committed |= pending
            pending = {}
            pages = size
    if not committed:
        return
    size = database.seek(0, 2)
    if pages * page_size > size + len(log):
        raise DamagedDatabase("its write-ahead log names more pages than there are")
    database.truncate(pages * page_size)
    for number, offset in committed.items():
        if number <= pages:
            database.seek((number - 1) * page_size)
            database.write(log[offset : offset + page_size])


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    for low, high in struct.iter_unpack(f"{order}2I", data):
        first = (first + low + second) & 0xFFFFFFFF
        second = (second + high + first) & 0xFFFFFFFF
    return first, second
