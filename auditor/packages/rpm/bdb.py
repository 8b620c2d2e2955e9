"""Berkeley DB's hash files, as RPM up to 4.15 keeps `Packages` (UBI 8, CentOS 7), of either byte order.

Page 0 describes the file, every other page begins with 26 bytes; a bucket is a chain of hash pages with keys and
values in turn, and what is too long for a page is a chain of overflow pages (Berkeley DB's db_page.h). Key 0 holds
RPM's counter, every other key is a header's number.
"""

import struct
from collections.abc import Iterator

from auditor.packages.rpm.errors import DamagedDatabase

MAGIC = 0x00061561
_PAGE_HEADER = 26
_HASH_PAGES = frozenset({2, 13})  # P_HASH_UNSORTED, P_HASH
_OVERFLOW_PAGE = 7
_ON_PAGE, _OFF_PAGE = 1, 3  # H_KEYDATA, H_OFFPAGE


def recognises(data: bytes) -> bool:
    """Do the bytes begin like a Berkeley DB hash file?"""
    return data[12:16] in (MAGIC.to_bytes(4, "little"), MAGIC.to_bytes(4, "big"))


def headers(data: bytes) -> Iterator[bytes]:
    """The package headers in the file. Raises DamagedDatabase at the first page that is not as it must be."""
    file = _HashFile(data)
    for key, value in file.records():
        if key != b"\0\0\0\0":
            yield value


class _HashFile:
    def __init__(self, data: bytes) -> None:
        if len(data) < 512:
            raise DamagedDatabase("it ends within its first page")
        self.data = data
        self.order = "<" if data[12:16] == MAGIC.to_bytes(4, "little") else ">"
        version, self.page_size, encryption, page_type, flags = struct.unpack_from(f"{self.order}2I3B", data, 16)
        (self.last_page,) = struct.unpack_from(f"{self.order}I", data, 32)
        (self.max_bucket,) = struct.unpack_from(f"{self.order}I", data, 72)
        self.spares = struct.unpack_from(f"{self.order}32I", data, 96)
        if not 8 <= version <= 10 or page_type != 8:
            raise DamagedDatabase(f"hash version {version} is not one that RPM wrote")
        if encryption or flags & 1:
            raise DamagedDatabase("encrypted or checksummed pages are not what RPM wrote")
        if self.page_size < 512 or self.page_size & (self.page_size - 1) or self.page_size > 65536:
            raise DamagedDatabase(f"a page size of {self.page_size} bytes")
        if self.max_bucket > self.last_page:
            raise DamagedDatabase(f"{self.max_bucket} buckets on {self.last_page} pages")
        self.seen: set[int] = set()

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        for bucket in range(self.max_bucket + 1):
            number = bucket + self.spares[min(bucket.bit_length(), 31)]
            while number:
                offset, following, entries, _, kind = self.page(number)
                if kind not in _HASH_PAGES:
                    raise DamagedDatabase(f"page {number} is no hash page")
                items = self.items(number, offset, entries)
                yield from zip(items[0::2], items[1::2], strict=False)
                number = following

    def page(self, number: int) -> tuple[int, int, int, int, int]:
        """Where the page begins, the next of its chain, number of entries, free offset and type; each page once."""
        offset = number * self.page_size
        if number > self.last_page or offset + self.page_size > len(self.data):
            raise DamagedDatabase(f"page {number} lies beyond its end")
        if number in self.seen:
            raise DamagedDatabase(f"page {number} is in two chains")
        self.seen.add(number)
        own, _, following, entries, free, _, kind = struct.unpack_from(f"{self.order}3I2H2B", self.data, offset + 8)
        if own != number:
            raise DamagedDatabase(f"page {number} says that it is page {own}")
        return offset, following, entries, free, kind

    def items(self, number: int, offset: int, entries: int) -> list[bytes]:
        if _PAGE_HEADER + 2 * entries > self.page_size:
            raise DamagedDatabase(f"page {number} has {entries} entries")
        begins = struct.unpack_from(f"{self.order}{entries}H", self.data, offset + _PAGE_HEADER)
        ends = (self.page_size, *begins)
        items = []
        for begin, end in zip(begins, ends, strict=False):
            if not _PAGE_HEADER + 2 * entries <= begin < end <= self.page_size:
                raise DamagedDatabase(f"page {number} has an entry outside itself")
            items.append(self.item(number, self.data[offset + begin : offset + end]))
        return items

    def item(self, number: int, item: bytes) -> bytes:
        if item[0] == _ON_PAGE:
            return item[1:]
        if item[0] != _OFF_PAGE or len(item) != 12:
            raise DamagedDatabase(f"page {number} has an entry of kind {item[0]}")
        first, length = struct.unpack_from(f"{self.order}2I", item, 4)
        return self.overflow(first, length)

    def overflow(self, number: int, length: int) -> bytes:
        parts = []
        while length > 0:
            offset, following, _, used, kind = self.page(number)
            if kind != _OVERFLOW_PAGE or not 0 < used <= min(length, self.page_size - _PAGE_HEADER):
                raise DamagedDatabase(f"page {number} is no part of a long value")
            parts.append(self.data[offset + _PAGE_HEADER : offset + _PAGE_HEADER + used])
            length -= used
            number = following
        return b"".join(parts)
