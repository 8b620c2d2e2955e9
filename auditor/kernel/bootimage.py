"""What a kernel image tells without being started: its release, and the config where it embeds it.

CONFIG_IKCONFIG puts the gzipped config between two marks into the kernel (kernel/configs.c); the kernel itself is
compressed inside the image: bzImage (Documentation/arch/x86/boot.rst), EFI zboot (drivers/firmware/efi/libstub),
a plain Image.gz, or an ELF file. Nothing else of it is looked at.
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice

from auditor.archive.compression import decompress, foreign_kind, kind_of
from auditor.errors import AuditError, LimitExceeded
from auditor.kernel.version import RELEASE

LIMIT = 192 << 20  # bytes, of the image and of what it unpacks to; distributions' have up to 80 MiB

_MARK = b"IKCFG_ST"
_BANNER = re.compile(rb"Linux version ([0-9][0-9A-Za-z._+~-]{2,127}) \(")
_MAGICS = re.compile(
    rb"\x1f\x8b\x08\0|\xfd7zXZ\0|\x28\xb5\x2f\xfd|BZh[1-9]1AY&SY|\x5d\0\0[\0-\xff]{2}\xff|\x02\x21\x4c\x18"
)
_ELF = b"\x7fELF"
_ARM64 = b"ARM\x64"  # at 56: Documentation/arch/arm64/booting.rst
_MAX_TRIES = 32  # places that look like a compressed kernel


class KernelImage:
    """A kernel image's bytes, as they are stored."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._found: bytes | None = None

    def release(self) -> str:
        """As `uname -r` prints it; "" where the image doesn't tell."""
        return _x86_version(self._data) or _banner(self._kernel())

    def config(self) -> bytes | None:
        """The embedded config's text; None where there is none. CorruptImage where it is broken."""
        return embedded_config(self._kernel(), self._where)

    def foreign(self) -> str:
        """The compression of the kernel in it where that can't be read: `lz4`, `lzo`; else ""."""
        payload = _payload(self._data)
        return foreign_kind(self._data if payload is None else payload)

    def _kernel(self) -> bytes:
        """The kernel, decompressed; empty where none is found."""
        if self._found is None:
            self._found = next((kernel for kernel in self._candidates() if _BANNER.search(kernel)), b"")
        return self._found

    def _candidates(self) -> Iterator[bytes]:
        """What may be the kernel, the likeliest first; compressed bytes, which may hold its texts by chance, last."""
        payload = _payload(self._data)
        if payload is not None:
            if kind_of(payload):
                yield decompress(payload, LIMIT, self._where, trailing=True)
            return
        plain = self._data[:4] == _ELF or self._data[56:60] == _ARM64
        if plain:
            yield self._data
        left = 2 * LIMIT  # of all tries together
        for match in islice(_MAGICS.finditer(self._data), _MAX_TRIES):
            limit = min(LIMIT, left)
            try:
                kernel = decompress(self._data[match.start() :], limit, self._where, trailing=True)
            except LimitExceeded:
                left -= limit
                continue
            except AuditError:
                continue  # bytes that only look like the start of a stream
            left -= len(kernel)
            yield kernel
        if not plain:
            yield self._data


def embedded_config(data: bytes, where: str) -> bytes | None:
    """The config in bytes that aren't compressed, as in the module `configs.ko`; None where there is none."""
    mark = data.find(_MARK + b"\x1f\x8b")
    return None if mark < 0 else decompress(data[mark + len(_MARK) :], LIMIT, where, trailing=True)


def _payload(data: bytes) -> bytes | None:
    """The compressed kernel where a header tells its place; None where none does."""
    if data[0x202:0x206] == b"HdrS" and len(data) > 0x250:
        version = struct.unpack_from("<H", data, 0x206)[0]
        if version >= 0x208:
            sectors = data[0x1F1] or 4
            offset, length = struct.unpack_from("<II", data, 0x248)
            start = (sectors + 1) * 512 + offset
            if length:
                return data[start : start + length]
    if data[:2] == b"MZ" and data[4:8] == b"zimg" and len(data) > 16:
        start, length = struct.unpack_from("<II", data, 8)
        return data[start : start + length]
    return None


def _x86_version(data: bytes) -> str:
    if data[0x202:0x206] != b"HdrS":
        return ""
    start = struct.unpack_from("<H", data, 0x20E)[0] + 0x200
    text = data[start : start + 256].partition(b"\0")[0].partition(b" ")[0].decode("ascii", "replace")
    return text if start > 0x200 and RELEASE.fullmatch(text) else ""


def _banner(data: bytes) -> str:
    match = _BANNER.search(data)
    text = "" if match is None else match[1].decode("ascii")
    return text if RELEASE.fullmatch(text) else ""
