"""Is a stored header still the one that was built? RPM keeps a digest of its immutable region beside it.

The region is the first entry (HEADERIMMUTABLE), whose data is a trailer at the end of the region's data that says
how many entries belong to it; the digest is over a package file's header magic, both lengths, index and data
(rpm.org, "RPM V4 Package format", Immutable region). rpm itself passes over a header that fails it.
"""

import hashlib
import struct

from auditor.archive.rpmheader import Header, Tag

_MAGIC = bytes.fromhex("8eade80100000000")
_IMMUTABLE = 63
_ENTRY = struct.Struct(">IIiI")


def intact(blob: bytes, header: Header) -> bool:
    """Does the region's digest agree? True as well for a header without a region or digest, as old RPMs wrote."""
    expected = {
        "sha256": header.text(Tag.SHA256HEADER),
        "sha1": header.text(Tag.SHA1HEADER),
    }
    algorithm = next((name for name, digest in expected.items() if digest), "")
    region = _region(blob) if algorithm else b""
    if not region:
        return True
    return hashlib.new(algorithm, region, usedforsecurity=False).hexdigest() == expected[algorithm].lower()


def _region(blob: bytes) -> bytes:
    entries, length = struct.unpack_from(">2I", blob)
    start = 8 + 16 * entries
    tag, _, offset, count = _ENTRY.unpack_from(blob, 8)
    if tag != _IMMUTABLE or count != _ENTRY.size or not 0 <= offset <= length - count:
        return b""
    _, _, back, _ = _ENTRY.unpack_from(blob, start + offset)
    own = -back // 16
    if not 0 < own <= entries:
        return b""
    size = offset + _ENTRY.size
    return _MAGIC + struct.pack(">2I", own, size) + blob[8 : 8 + 16 * own] + blob[start : start + size]
