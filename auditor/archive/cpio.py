"""The cpio archive that is an RPM package's payload (cpio(5), the "new ASCII" form)."""

from collections.abc import Iterator
from itertools import repeat

from auditor.archive import REMEDY
from auditor.archive.member import MAX_PATH, Keep, Member, clean_path, counted
from auditor.archive.stream import Stream
from auditor.errors import CorruptImage, UnsupportedFormat

_S_IFMT, _S_IFREG = 0o170000, 0o100000
_NEWC = (b"070701", b"070702")
_STRIPPED = b"07070X"  # rpm's own, for files over 4 GiB and in packages of version 6: sizes are in the header


def read_cpio(stream: Stream, keep: Keep, where: str) -> Iterator[Member]:
    """The regular files of the payload. Of hard links the last one carries the data, and all are given then."""
    links_of: dict[int, list[str]] = {}
    for _ in counted(repeat(None), where):
        magic = stream.exactly(6, where)
        if magic == _STRIPPED:
            raise UnsupportedFormat(
                "an RPM package of version 6, or with files over 4 GiB", where, "unpack it and give the folder"
            )
        if magic not in _NEWC:
            raise CorruptImage("not a cpio archive of the newc kind", where, REMEDY)
        fields = stream.exactly(104, where)
        try:
            inode, mode, links, size, name_size = (int(fields[start : start + 8], 16) for start in (0, 8, 32, 48, 88))
        except ValueError as error:
            raise CorruptImage("a broken member header in the cpio archive", where, REMEDY) from error
        if name_size > MAX_PATH:
            raise CorruptImage("a path in the cpio archive is too long", where, REMEDY)
        path = clean_path(stream.exactly(name_size, where).rstrip(b"\0").decode("utf-8", "surrogateescape"))
        _skip(stream, -(110 + name_size) % 4, where)
        if path == "TRAILER!!!":
            stream.drain()
            return
        if mode & _S_IFMT != _S_IFREG:
            _skip(stream, size + -size % 4, where)
            continue
        if size == 0 and links > 1:
            links_of.setdefault(inode, []).append(path)
            continue
        paths = [*links_of.pop(inode, ()), path] if links > 1 else [path]
        wanted = {name for name in paths if keep(name, size)}
        data = stream.exactly(size, where) if wanted else b""
        _skip(stream, -size % 4 if wanted else size + -size % 4, where)
        for name in paths:
            yield Member(name, size, data if name in wanted else None)


def _skip(stream: Stream, length: int, where: str) -> None:
    if stream.skip(length) != length:
        raise CorruptImage("the archive is cut short", where, REMEDY)
