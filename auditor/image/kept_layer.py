"""A layer that was read and verified, as bytes that another run takes in its place: the contents that were kept, one
behind the other, then the list of entries, then its length.

Whoever keeps the bytes vouches for them being the ones that were written; a form that isn't this one is no layer.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Annotated, Protocol

import msgspec
from msgspec import Struct

from auditor.filetree import FileKind
from auditor.image.layer import LayerContents, LayerEntry
from auditor.image.spool import Readable, SpooledContent

_PIECE = 1 << 20  # bytes at a time
_LENGTH = 8  # bytes of the number at the end
_NO_CONTENT = -1
#: directory and name, kind, mode, owners, size, target, capabilities, and of its content the length
_Row = tuple[int, bytes, FileKind | None, int, int, int, int, bytes, bytes, Annotated[int, msgspec.Meta(ge=-1)]]


class Held(Readable, Protocol):
    """Bytes of a known length."""

    size: int


class _List(Struct, frozen=True, array_like=True):
    """All of a layer but the contents of its files. A row names its directory by its number."""

    digest: str
    size: int
    diff_id: str
    uncompressed: int
    names: int
    directories: list[bytes]
    rows: list[_Row]


def packed(contents: LayerContents) -> Iterator[bytes]:
    """A layer in pieces."""
    for entry in contents.entries:
        if entry.content is not None:
            for offset in range(0, entry.content.size, _PIECE):
                yield entry.content.read(offset, _PIECE)
    listed = msgspec.msgpack.encode(_listed(contents))
    yield listed
    yield len(listed).to_bytes(_LENGTH, "little")


def unpacked(held: Held) -> LayerContents | None:
    """The layer back; None where that is none. Its contents are read where they lie."""
    end = held.size - _LENGTH
    length = int.from_bytes(held.read(end, _LENGTH), "little") if end > 0 else 0
    kept = end - length
    if not 0 < length <= end:
        return None
    try:
        listed = msgspec.msgpack.decode(held.read(kept, length), type=_List)
        entries = tuple(_entries(listed, held))
    except (msgspec.MsgspecError, ValueError, LookupError):
        return None
    if kept != sum(entry.content.size for entry in entries if entry.content is not None):
        return None
    return LayerContents(entries, listed.digest, listed.size, listed.diff_id, listed.uncompressed, listed.names, kept)


def _listed(contents: LayerContents) -> _List:
    numbers: dict[str, int] = {}
    rows: list[_Row] = [
        (
            numbers.setdefault(entry.directory, len(numbers)),
            _bytes(entry.name),
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            _bytes(entry.target),
            entry.capabilities,
            _NO_CONTENT if entry.content is None else entry.content.size,
        )
        for entry in contents.entries
    ]
    directories = [_bytes(directory) for directory in numbers]
    return _List(
        contents.digest, contents.size, contents.diff_id, contents.uncompressed, contents.names, directories, rows
    )


def _entries(listed: _List, held: Held) -> Iterator[LayerEntry]:
    directories = [_text(directory) for directory in listed.directories]
    ends = accumulate(max(row[-1], 0) for row in listed.rows)
    for row, end in zip(listed.rows, ends, strict=True):
        directory, name, kind, mode, uid, gid, size, target, capabilities, length = row
        content = None if length == _NO_CONTENT else SpooledContent(held, end - length, length)
        yield LayerEntry(
            directories[directory],
            _text(name),
            kind,
            mode,
            uid,
            gid,
            size,
            _text(target),
            capabilities,
            content,
        )


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
