"""One package's header as a database stores it: an index of tags, then their data, all big-endian.

`u32 entries, u32 data length`, then for each entry `u32 tag, u32 type, i32 offset, u32 count`, then the data
(rpm.org, "RPM V4 Package format", Header). Tag numbers are those of rpmtag.h.
"""

import enum
import struct
from collections.abc import Mapping

from msgspec import Struct

# RPM's own limits (hdrchkTags, hdrchkData).
MAX_ENTRIES = 0xFFFF
MAX_DATA = 0x0FFFFFFF
MAX_SIZE = 32 << 20  # bytes; a package of 20,000 files has 4 MiB
MAX_VALUES = 500_000  # of one tag, as files of a package; a texlive or kernel package has some 10,000


class Tag(enum.IntEnum):
    """The tags that are read."""

    SHA1HEADER = 269
    SHA256HEADER = 273
    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    VENDOR = 1011
    LICENSE = 1014
    URL = 1020
    ARCH = 1022
    OLDFILENAMES = 1027
    FILESTATES = 1029
    FILEMODES = 1030
    FILEDIGESTS = 1035
    FILELINKTOS = 1036
    FILEFLAGS = 1037
    SOURCERPM = 1044
    FILEVERIFYFLAGS = 1045
    DIRINDEXES = 1116
    BASENAMES = 1117
    DIRNAMES = 1118
    PAYLOADFORMAT = 1124
    FILEDIGESTALGO = 5011


class HeaderError(ValueError):
    """Bytes that are no header."""


class Header(Struct, frozen=True):
    """The tags of one package that are read, each as its type, its count and its undecoded data."""

    tags: Mapping[int, tuple[int, int, bytes]]

    def text(self, tag: Tag) -> str:
        """A string, or the first of several; "" where there is none."""
        strings = self.texts(tag, limit=1)
        return strings[0] if strings else ""

    def texts(self, tag: Tag, limit: int = MAX_DATA) -> list[str]:
        """An array of strings; bytes that are no UTF-8 are kept by `surrogateescape`."""
        kind, count, data = self.tags.get(tag, (0, 0, b""))
        if kind not in _STRINGS:
            return []
        count = min(count, limit)
        strings = data.split(b"\0", count)[:count]
        return [string.decode("utf-8", "surrogateescape") for string in strings]

    def numbers(self, tag: Tag) -> tuple[int, ...]:
        """An array of unsigned integers of the tag's own size."""
        kind, count, data = self.tags.get(tag, (0, 0, b""))
        letter = _INTEGERS.get(kind)
        if letter is None:
            return ()
        count = min(count, len(data) // struct.calcsize(f">{letter}"))
        return struct.unpack_from(f">{count}{letter}", data)


def parse(blob: bytes) -> Header:
    """Read the tags of `Tag`. Raises HeaderError on bytes that are no header or that end too soon."""
    if len(blob) < 8:
        raise HeaderError("shorter than a header's first 8 bytes")
    entries, length = struct.unpack_from(">2I", blob)
    if length > MAX_SIZE:
        raise HeaderError(f"{length} bytes of data, more than any real package has")
    start = 8 + 16 * entries
    if not 0 < entries <= MAX_ENTRIES or length > MAX_DATA or len(blob) < start + length:
        raise HeaderError(f"{entries} tags with {length} bytes of data don't fit into {len(blob)} bytes")
    index = list(struct.iter_unpack(">IIiI", memoryview(blob)[8:start]))
    # Data of one tag ends where the next one's begins; a string's own end is its NUL.
    begins = sorted({offset for _, _, offset, _ in index if 0 <= offset < length})
    ends = dict(zip(begins, [*begins[1:], length], strict=False))
    tags = {}
    data: dict[int, bytes] = {}  # by its offset: tags may share it
    for tag, kind, offset, count in index:
        if tag not in _WANTED:
            continue
        if offset not in ends:
            raise HeaderError(f"tag {tag} lies outside the data")
        if count > MAX_VALUES:
            raise HeaderError(f"tag {tag} has {count} values")
        if offset not in data:
            data[offset] = blob[start + offset : start + ends[offset]]
        tags[tag] = (kind, count, data[offset])
    return Header(tags)


_WANTED = frozenset(int(tag) for tag in Tag)
_STRINGS = frozenset({6, 8, 9})  # STRING, STRING_ARRAY, I18NSTRING
_INTEGERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q"}  # CHAR, INT8 to INT64
