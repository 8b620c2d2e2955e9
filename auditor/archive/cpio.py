"""An RPM package: its header and the cpio archive that is its payload (rpm's docs/manual/format_*.md, cpio(5))."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from auditor.archive.compression import REMEDY
from auditor.archive.member import MAX_MEMBERS, MAX_PATH, Keep, Member, clean_path
from auditor.archive.stream import Stream
from auditor.errors import CorruptImage, LimitExceeded, UnsupportedFormat

MAGIC = b"\xed\xab\xee\xdb"
_LEAD = 96  # bytes
_HEADER_MAGIC = b"\x8e\xad\xe8\x01"
_MAX_TAGS = 65_536
_MAX_STORE = 64 << 20  # bytes; a kernel package of some thousand files has 1 MiB

_NAME, _ARCH, _PAYLOAD_FORMAT = 1000, 1022, 1124
_WANTED = frozenset((_NAME, _ARCH, _PAYLOAD_FORMAT))
_STRING, _I18N_STRING = 6, 9  # types

_S_IFMT, _S_IFREG = 0o170000, 0o100000
_NEWC = (b"070701", b"070702")
_STRIPPED = b"07070X"  # rpm's own, for files over 4 GiB and in packages of version 6: sizes are in the header
_UNPACK = "unpack the package and give the folder"


@dataclass(frozen=True, slots=True)
class RpmHeader:
    """What of the header is of use here; `architecture` is written as rpm does (`x86_64`)."""

    name: str
    architecture: str


def read_header(file: BinaryIO, where: str) -> RpmHeader:
    """Read lead, signature and header, and leave `file` at the payload. CorruptImage, UnsupportedFormat."""
    file.seek(0)
    if file.read(_LEAD)[:4] != MAGIC:
        raise CorruptImage("not an RPM package", where, REMEDY)
    _, size = _tags(file, where)
    file.seek(-size % 8, 1)  # the signature is padded
    tags, _ = _tags(file, where)
    payload = tags.get(_PAYLOAD_FORMAT, "cpio")
    if payload != "cpio":
        raise UnsupportedFormat(f"an RPM package with a payload of {payload}", where, _UNPACK)
    return RpmHeader(tags.get(_NAME, ""), tags.get(_ARCH, ""))


def read_cpio(stream: Stream, keep: Keep, where: str) -> Iterator[Member]:
    """The regular files of the payload. Of hard links the last one carries the data, and all are given then."""
    links_of: dict[int, list[str]] = {}
    for _ in range(MAX_MEMBERS):
        magic = stream.read(6)
        if magic == _STRIPPED:
            raise UnsupportedFormat("an RPM package of version 6, or with files over 4 GiB", where, _UNPACK)
        if magic not in _NEWC:
            raise CorruptImage("not a cpio archive of the newc kind", where, REMEDY)
        fields = stream.read(104)
        try:
            inode, mode, links, size, name_size = (int(fields[start : start + 8], 16) for start in (0, 8, 32, 48, 88))
        except ValueError as error:
            raise CorruptImage("a broken member header in the cpio archive", where, REMEDY) from error
        if name_size > MAX_PATH:
            raise CorruptImage("a path in the cpio archive is too long", where, REMEDY)
        path = clean_path(stream.read(name_size).rstrip(b"\0"))
        stream.skip(-(110 + name_size) % 4)
        if path == "TRAILER!!!":
            stream.drain()
            return
        if mode & _S_IFMT != _S_IFREG:
            stream.skip(size + -size % 4)
            continue
        if size == 0 and links > 1:
            links_of.setdefault(inode, []).append(path)
            continue
        paths = [*links_of.pop(inode, ()), path] if links > 1 else [path]
        wanted = {name for name in paths if keep(name, size)}
        data = stream.read(size) if wanted else b""
        stream.skip(-size % 4 if wanted else size + -size % 4)
        for name in paths:
            yield Member(name, size, data if name in wanted else None)
    raise LimitExceeded(f"the archive has more than {MAX_MEMBERS} members", where, "no kernel has that many files")


def _tags(file: BinaryIO, where: str) -> tuple[dict[int, str], int]:
    """The wanted tags' texts, and the size of the header's store in bytes."""
    head = file.read(16)
    if len(head) != 16 or head[:4] != _HEADER_MAGIC:
        raise CorruptImage("the RPM package has no header where one should be", where, REMEDY)
    count, size = struct.unpack(">II", head[8:])
    if count > _MAX_TAGS or size > _MAX_STORE:
        raise CorruptImage("the RPM package's header is too large", where, REMEDY)
    index = file.read(16 * count)
    store = file.read(size)
    if len(index) != 16 * count or len(store) != size:
        raise CorruptImage("the RPM package is cut short", where, REMEDY)
    tags = {}
    for tag, kind, offset, _ in struct.iter_unpack(">IIII", index):
        if tag in _WANTED and kind in (_STRING, _I18N_STRING):
            end = store.find(b"\0", offset)
            tags[tag] = store[offset:end].decode("utf-8", "replace") if end >= 0 else ""
    return tags, size
