"""RPM's own NDB file, `Packages.db` (SUSE), little-endian on every machine.

32 bytes of file header, then slots of 16 bytes that fill whole pages, each with the place of one package; there a
header of 16 bytes, the package's header, padding and a tail of 12 bytes with an Adler-32 (RPM's ndb backend).
"""

import struct
import zlib
from collections.abc import Iterator

from auditor.packages.rpm.errors import DamagedDatabase

MAGIC = b"RpmP"
_PAGE, _SLOT, _BLOCK = 4096, 16, 16
_FILE_HEADER, _HEAD, _TAIL = 32, 16, 12


def recognises(data: bytes) -> bool:
    """Do the bytes begin like an NDB file?"""
    return data[:4] == MAGIC


def headers(data: bytes) -> Iterator[bytes]:
    """The package headers in the file. Raises DamagedDatabase at the first slot or package that is damaged."""
    if len(data) < _PAGE:
        raise DamagedDatabase("it ends within its first page")
    version, _, pages = struct.unpack_from("<3I", data, 4)
    if version != 0:
        raise DamagedDatabase(f"NDB version {version} is not known")
    if not 0 < pages * _PAGE <= len(data):
        raise DamagedDatabase(f"{pages} pages of slots in {len(data)} bytes")
    end = pages * _PAGE  # no package before it, and none over another: sorted by place, each begins past the last
    for begin, size, number in sorted(_slots(data, pages)):
        if begin < end:
            raise DamagedDatabase(f"package {number} overlaps another")
        end = begin + size
        yield _package(data, begin, size, number)


def _slots(data: bytes, pages: int) -> Iterator[tuple[int, int, int]]:
    for offset in range(_FILE_HEADER, pages * _PAGE, _SLOT):
        magic, number, block, blocks = struct.unpack_from("<4s3I", data, offset)
        if magic != b"Slot":
            raise DamagedDatabase(f"no slot at {offset}")
        if block:
            yield block * _BLOCK, blocks * _BLOCK, number


def _package(data: bytes, begin: int, size: int, number: int) -> bytes:
    if size < _HEAD + _TAIL or begin + size > len(data):
        raise DamagedDatabase(f"package {number} ends beyond the file")
    head, own, _, length = struct.unpack_from("<4s3I", data, begin)
    checksum, again, tail = struct.unpack_from("<2I4s", data, begin + size - _TAIL)
    if (head, own, tail, again) != (b"BlbS", number, b"BlbE", length) or length > size - _HEAD - _TAIL:
        raise DamagedDatabase(f"package {number} is not at its place")
    if zlib.adler32(memoryview(data)[begin : begin + size - _TAIL]) != checksum:
        raise DamagedDatabase(f"package {number} has another checksum")
    return data[begin + _HEAD : begin + _HEAD + length]
