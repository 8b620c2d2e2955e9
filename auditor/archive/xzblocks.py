"""An .xz file of several blocks, decompressed on several cores (the .xz file format 1.2, sections 2 to 4).

Packages are compressed by threads, each of which writes a block, so that the index at the end tells where each
one starts: they can be read at the same time. Each is handed to liblzma as a file of its own, with the original
header and a new index, so that it checks every block as it would have done in the whole.
"""

import lzma
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from auditor.archive import REMEDY
from auditor.errors import CorruptImage

if TYPE_CHECKING:
    from concurrent.futures import Future

_HEADER = 12  # bytes, the footer too
_MAX_BLOCK = 64 << 20  # bytes, decompressed; xz -6 makes blocks of 24 MiB
_MAX_INDEX = 1 << 20
_MAX_WORKERS = 4


def xz_blocks(file: BinaryIO, size: int, where: str) -> Iterator[bytes] | None:
    """The content of each block in turn, of the .xz in the next `size` bytes of `file`.

    None, and the file where it was, where it isn't one stream of several blocks of a reasonable size: then it is to
    be read from its start. The whole is checked against its index; CorruptImage where a block is broken.
    """
    start = file.tell()
    blocks = _index(file, start, size)
    file.seek(start)
    if (
        blocks is None
        or len(blocks) < 2
        or any(length > _MAX_BLOCK or packed > _MAX_BLOCK for packed, length in blocks)
    ):
        return None
    return _read(file, start, blocks, where)


def _index(file: BinaryIO, start: int, size: int) -> list[tuple[int, int]] | None:
    """(unpadded size, uncompressed size) of each block; None where the index isn't that of all the bytes before it."""
    if size < 2 * _HEADER:
        return None
    file.seek(start + size - _HEADER)
    footer = file.read(_HEADER)
    if footer[10:] != b"YZ":
        return None
    index_size = (struct.unpack("<I", footer[4:8])[0] + 1) * 4
    if index_size > min(_MAX_INDEX, size - 2 * _HEADER):
        return None
    file.seek(start + size - _HEADER - index_size)
    index = file.read(index_size)
    if len(index) != index_size or index[0] != 0 or zlib.crc32(index[:-4]) != struct.unpack("<I", index[-4:])[0]:
        return None
    numbers = _numbers(index[1:-4])
    if not numbers or len(numbers) < 1 + 2 * numbers[0]:
        return None
    pairs = numbers[1 : 1 + 2 * numbers[0]]
    blocks = list(zip(pairs[::2], pairs[1::2], strict=True))
    total = sum(-(-packed // 4) * 4 for packed, _ in blocks)
    return blocks if total == size - 2 * _HEADER - index_size else None


def _numbers(data: bytes) -> list[int]:
    """Little-endian numbers of 7 bits a byte, the top bit set in all bytes but the last."""
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers


def _read(file: BinaryIO, start: int, blocks: list[tuple[int, int]], where: str) -> Iterator[bytes]:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only large packages need it

    header = file.read(_HEADER)
    workers = min(os.cpu_count() or 1, _MAX_WORKERS)
    position = start + _HEADER
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[bytes]] = deque()
        for packed, length in blocks:
            file.seek(position)
            data = file.read(-(-packed // 4) * 4)
            position += len(data)
            waiting.append(pool.submit(_block, header, data, packed, length, where))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _block(header: bytes, data: bytes, packed: int, length: int, where: str) -> bytes:
    index = b"\0\1" + _encoded(packed) + _encoded(length)
    index += b"\0" * (-len(index) % 4)
    index += struct.pack("<I", zlib.crc32(index))
    tail = struct.pack("<I", len(index) // 4 - 1) + header[6:8]
    footer = struct.pack("<I", zlib.crc32(tail)) + tail + b"YZ"
    try:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, 256 << 20)
        content = decompressor.decompress(header + data + index + footer, length)
        # The output is complete, the checks come after it.
        excess = b"" if decompressor.eof else decompressor.decompress(b"", 1)
    except (lzma.LZMAError, EOFError) as error:
        raise CorruptImage(f"the compressed data is broken: {error}", where, REMEDY) from error
    if excess or len(content) != length or not decompressor.eof:
        raise CorruptImage("a compressed block is not of the size that the index gives", where, REMEDY)
    return content


def _encoded(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
