"""An RPM package's file: lead, signature, header, and then the payload (rpm.org, "RPM V4 Package format")."""

import struct
from typing import BinaryIO

from auditor.archive import REMEDY
from auditor.archive.rpmheader import Header, HeaderError, Tag, parse
from auditor.errors import CorruptImage, UnsupportedFormat

MAGIC = b"\xed\xab\xee\xdb"
_LEAD = 96  # bytes
_HEADER_MAGIC = b"\x8e\xad\xe8\x01"
_MAX_TAGS = 65_536
_MAX_STORE = 64 << 20  # bytes; a kernel package of some thousand files has 1 MiB


def read_header(file: BinaryIO, where: str) -> Header:
    """The package's header; `file` is left at the payload, a cpio archive. CorruptImage, UnsupportedFormat."""
    file.seek(0)
    if file.read(_LEAD)[:4] != MAGIC:
        raise CorruptImage("not an RPM package", where, REMEDY)
    signature = _blob(file, where)
    file.seek(-len(signature) % 8, 1)  # the signature is padded
    try:
        header = parse(_blob(file, where))
    except HeaderError as error:
        raise CorruptImage(f"the RPM package's header can't be read: {error}", where, REMEDY) from error
    payload = header.text(Tag.PAYLOADFORMAT) or "cpio"
    if payload != "cpio":
        raise UnsupportedFormat(f"an RPM package with a payload of {payload}", where, "unpack it and give the folder")
    return header


def _blob(file: BinaryIO, where: str) -> bytes:
    """The next header as a database would store it: without its magic."""
    head = file.read(16)
    if len(head) != 16 or head[:4] != _HEADER_MAGIC:
        raise CorruptImage("the RPM package has no header where one should be", where, REMEDY)
    count, size = struct.unpack(">II", head[8:])
    if count > _MAX_TAGS or size > _MAX_STORE:
        raise CorruptImage("the RPM package's header is too large", where, REMEDY)
    length = 16 * count + size
    rest = file.read(length)
    if len(rest) != length:
        raise CorruptImage("the RPM package is cut short", where, REMEDY)
    return head[8:] + rest
