"""The members of an `ar` archive, which a .deb is (deb(5), ar(5))."""

from typing import BinaryIO

from msgspec import Struct

from auditor.archive import REMEDY
from auditor.errors import CorruptImage

MAGIC = b"!<arch>\n"
_HEADER = 60  # bytes: name 16, time 12, owner 6, group 6, mode 8, size 10, end mark 2
_MAX_MEMBERS = 64


class ArMember(Struct, frozen=True):
    """A member by its name, and where its bytes are in the file."""

    name: str
    offset: int
    size: int


def read_ar(file: BinaryIO, where: str) -> tuple[ArMember, ...]:
    """The members in order. CorruptImage where the file is no `ar` archive or is cut short."""
    file.seek(0, 2)
    end = file.tell()
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise CorruptImage("not an ar archive", where, REMEDY)
    members: list[ArMember] = []
    position = len(MAGIC)
    while position < end and len(members) < _MAX_MEMBERS:
        file.seek(position)
        header = file.read(_HEADER)
        size_field = header[48:58].strip()
        if len(header) != _HEADER or header[58:] != b"`\n" or not size_field.isdigit():
            raise CorruptImage("a broken member header in the ar archive", where, REMEDY)
        size = int(size_field)
        position += _HEADER
        if position + size > end:
            raise CorruptImage("the ar archive is cut short", where, REMEDY)
        name = header[:16].rstrip().rstrip(b"/").decode("ascii", "replace")
        members.append(ArMember(name, position, size))
        position += size + size % 2
    return tuple(members)
