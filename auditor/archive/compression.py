"""Compressed bytes, told apart by what they start with, and decompressed piece by piece.

`decompress` is for one file held in memory, `decompressed` and `chunks` for what is read once from end to end.
"""

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO, Protocol

from auditor.archive import REMEDY
from auditor.errors import CorruptImage, LimitExceeded, UnsupportedFormat

GZIP, XZ, ZSTD, BZIP2, LZMA = "gz", "xz", "zst", "bz2", "lzma"

_MAGIC = {
    b"\x1f\x8b": GZIP,
    b"\xfd7zXZ\0": XZ,
    b"\x28\xb5\x2f\xfd": ZSTD,
    b"BZh": BZIP2,
    b"\x5d\0\0": LZMA,  # the properties byte of LZMA's defaults and the low bytes of a dictionary of 64 KiB or more
}
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a frame that a zstd stream may begin with (RFC 8878, 3.1.2)
_FOREIGN = {b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4", b"\x89LZO": "lzo"}
_MAGIC_SIZE = 6  # bytes, of the longest
_CHUNK = 1 << 20
_LZMA_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB, a kernel image's xz up to 128 MiB
_ZSTD_WINDOW = 128 << 20  # bytes; the largest that runtimes take, and what kernel images are made with

#: What `docker load` takes. LZMA without a container has no magic: a tar whose first file is called `]` looks the same.
LAYER_KINDS = frozenset({GZIP, XZ, ZSTD, BZIP2})


class _Decompressor(Protocol):
    """What zlib's, bz2's, lzma's and zstandard's objects have in common here."""

    @property
    def eof(self) -> bool:
        """Whether the stream's end has been reached."""

    @property
    def unused_data(self) -> bytes:
        """The input that follows the stream's end."""

    def step(self, data: bytes, limit: int) -> bytes:
        """Some output, of about `limit` bytes at most; called with `b""` until there is none left."""


class _Inner(Protocol):
    """What bz2's, lzma's and isal's decompressors have in common (library reference, bz2)."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


class _Keeping:
    """These decompressors keep input that they have not used yet."""

    def __init__(self, inner: _Inner) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def step(self, data: bytes, limit: int) -> bytes:
        if not data and self._inner.needs_input:
            return b""
        return self._inner.decompress(data, limit)


class _Zlib:
    """zlib hands back the input that it has not used yet."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def step(self, data: bytes, limit: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, limit)


def _gzip() -> _Decompressor:
    try:
        from isal import igzip_lib  # noqa: PLC0415 - native code that not every machine has
    except ImportError:
        return _Zlib()
    return _Keeping(igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP))


class _Zstd:
    """zstandard's streaming object has no bound on output: input is fed to it in small pieces."""

    _PIECE = 256  # bytes of input; a block of 128 KiB comes out of 4 bytes at the most

    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415 - most kernels have nothing compressed with zstd

        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._waiting = memoryview(b"")

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + bytes(self._waiting)

    def step(self, data: bytes, limit: int) -> bytes:
        if data:
            self._waiting = memoryview(bytes(self._waiting) + data)
        output: list[bytes] = []
        size = 0
        while self._waiting and not self._inner.eof and size < limit:
            piece, self._waiting = self._waiting[: self._PIECE], self._waiting[self._PIECE :]
            output.append(self._inner.decompress(piece))
            size += len(output[-1])
        return b"".join(output)


_MAKERS: dict[str, Callable[[], _Decompressor]] = {
    GZIP: _gzip,
    XZ: lambda: _Keeping(lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY)),
    LZMA: lambda: _Keeping(lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY)),
    BZIP2: lambda: _Keeping(bz2.BZ2Decompressor()),
    ZSTD: _Zstd,
}


def kind_of(head: bytes) -> str:
    """The format of bytes that start with `head`: `gz`, `xz`, `zst`, `bz2`, `lzma`, or "" where it is none of them."""
    if _SKIPPABLE.match(head):
        return ZSTD
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def foreign_kind(head: bytes) -> str:
    """`lz4` or `lzo`, which can't be read, or ""."""
    return next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), "")


def decompress(data: bytes, limit: int, where: str, *, trailing: bool = False) -> bytes:
    """The bytes that `data` stands for; `data` itself where it isn't compressed.

    LimitExceeded over `limit` bytes, CorruptImage for a broken or truncated stream. With `trailing`, whatever
    follows the stream is left alone, as in a kernel image; else gzip's, xz's and zstd's concatenated streams are
    read, as their programs do.
    """
    parts: list[bytes] = []
    size = 0
    for part in _known(iter((data,)), where, trailing=trailing):
        size += len(part)
        if size > limit:
            raise LimitExceeded(f"it holds more than {limit} bytes", where, "no kernel's file is that large")
        parts.append(part)
    return b"".join(parts)


def chunks(file: BinaryIO, size: int, where: str) -> Iterator[bytes]:
    """The decompressed bytes of the next `size` bytes of `file`, in pieces; errors as `decompress`'s."""
    return _known(_pieces(file, size, where), where, trailing=False)


def decompressed(pieces: Iterator[bytes], kind: str, where: str, *, trailing: bool = False) -> Iterator[bytes]:
    """The bytes that a stream of `kind` stands for, whose stored bytes come in `pieces`; "" passes them on.

    Concatenated streams are read as one, and NUL bytes after the last are padding; with `trailing` one stream is
    read. CorruptImage where they are broken or cut short. What `pieces` raises goes through.
    """
    if not kind:
        yield from pieces
        return
    data = next(pieces, b"")
    while data:
        decompressor = _MAKERS[kind]()
        yield from _one_stream(decompressor, data, pieces, where)
        if trailing:
            return
        data = _after_padding(decompressor.unused_data, pieces)
        if data and kind_of(data) != kind:
            raise CorruptImage(f"something follows the {kind} stream", where, REMEDY)


def _known(pieces: Iterator[bytes], where: str, *, trailing: bool) -> Iterator[bytes]:
    first = next(pieces, b"")
    kind = kind_of(first)
    if not kind and (foreign := foreign_kind(first)):
        raise UnsupportedFormat(f"{foreign} compression can't be read", where, "give it decompressed")
    return decompressed(chain((first,), pieces), kind, where, trailing=trailing)


def _pieces(file: BinaryIO, size: int, where: str) -> Iterator[bytes]:
    while size:
        piece = file.read(min(size, _CHUNK))
        if not piece:
            raise CorruptImage("the file is cut short", where, REMEDY)
        size -= len(piece)
        yield piece


def _after_padding(data: bytes, pieces: Iterator[bytes]) -> bytes:
    """What follows a stream; NUL bytes are padding (xz-file-format 2.2, gzip(1))."""
    data = data.lstrip(b"\0")
    while len(data) < _MAGIC_SIZE:
        piece = next(pieces, b"")
        if not piece:
            break
        data = data + piece if data else piece.lstrip(b"\0")
    return data


def _one_stream(decompressor: _Decompressor, data: bytes, pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    while not decompressor.eof:
        output = _step(decompressor, data, where)
        data = b""
        if output:
            yield output
        elif not decompressor.eof:
            data = next(pieces, b"")
            if not data:
                raise CorruptImage("can't be decompressed (it is cut short)", where, REMEDY)


def _step(decompressor: _Decompressor, data: bytes, where: str) -> bytes:
    try:
        return decompressor.step(data, _CHUNK)
    except Exception as error:
        # Each library has a class of its own for this, and two of them are imported only where they are needed.
        raise CorruptImage(f"can't be decompressed ({error})", where, REMEDY) from error
