"""The regular files of a tar stream: ustar, GNU's long names and numbers, pax records (tar(5), POSIX pax).

Small on purpose: contents that nobody wants are skipped, no member is ever written, and every length is bounded.
"""

from collections.abc import Iterator

from auditor.archive.compression import REMEDY
from auditor.archive.member import MAX_MEMBERS, MAX_PATH, Keep, Member, clean_path
from auditor.archive.stream import Stream
from auditor.errors import CorruptImage, LimitExceeded

_BLOCK = 512
_MAX_RECORDS = 1 << 20  # bytes of one pax header
_REGULAR = b"0\0" + b"7"  # types: a file, a file of old archives, a contiguous file


def read_tar(stream: Stream, keep: Keep, where: str) -> Iterator[Member]:
    """The regular files in order; a hard link is a file of size 0 with the linked one's data where that was kept."""
    kept: dict[str, bytes] = {}
    path: bytes | None = None  # from an extended header, for the next member
    target: bytes | None = None
    size: int | None = None
    for _ in range(MAX_MEMBERS):
        header = stream.read(_BLOCK)
        if header == bytes(_BLOCK):
            stream.drain()
            return
        _check(header, where)
        length = _number(header[124:136], where)
        kind = header[156:157]
        if kind in (b"L", b"K"):  # GNU: the next member's name, or link target
            if length > MAX_PATH:
                raise CorruptImage("a path in the archive is too long", where, REMEDY)
            text = _payload(stream, length).rstrip(b"\0")
            path, target = (text, target) if kind == b"L" else (path, text)
            continue
        if kind in (b"x", b"g"):
            if length > _MAX_RECORDS:
                raise CorruptImage("a pax header in the archive is too long", where, REMEDY)
            records = _pax(_payload(stream, length), where)
            if kind == b"x":  # what holds for all members is not about paths
                path = records.get(b"path", path)
                target = records.get(b"linkpath", target)
                size = int(records[b"size"]) if records.get(b"size", b"").isdigit() else size
            continue
        name = clean_path(path if path is not None else _name(header))
        length = length if size is None else size
        if kind in _REGULAR_TYPES:
            data = _payload(stream, length) if keep(name, length) else None
            if data is None:
                stream.skip(length + -length % _BLOCK)
            else:
                kept[name] = data
            yield Member(name, length, data)
        elif kind == b"1":
            linked = clean_path(target if target is not None else _text(header[157:257]))
            yield Member(name, 0, kept.get(linked))
        elif kind not in (b"2", b"3", b"4", b"5", b"6"):
            stream.skip(length + -length % _BLOCK)
        path = target = size = None
    raise LimitExceeded(f"the archive has more than {MAX_MEMBERS} members", where, "no kernel has that many files")


_REGULAR_TYPES = frozenset(_REGULAR[index : index + 1] for index in range(len(_REGULAR)))


def _payload(stream: Stream, length: int) -> bytes:
    data = stream.read(length)
    stream.skip(-length % _BLOCK)
    return data


def _name(header: bytes) -> bytes:
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes, where: str) -> int:
    if field[0] & 0x80:  # GNU: binary, where it doesn't fit into octal digits
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError as error:
        raise CorruptImage("a broken member header in the archive", where, REMEDY) from error


def _check(header: bytes, where: str) -> None:
    expected = sum(header[:148]) + 8 * 32 + sum(header[156:])
    if _number(header[148:156], where) != expected:
        raise CorruptImage("a member header in the archive has a wrong checksum", where, REMEDY)


def _pax(data: bytes, where: str) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    while data:
        length, _, rest = data.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 10 else 0
        record = data[len(length) + 1 : size - 1]
        if not rest or size > len(data) or size <= len(length) + 1:
            raise CorruptImage("a broken pax header in the archive", where, REMEDY)
        key, _, value = record.partition(b"=")
        records[key] = value
        data = data[size:]
    return records
