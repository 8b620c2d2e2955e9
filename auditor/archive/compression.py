"""Compressed bytes, told apart by what they start with, and decompressed within bounds.

`decompress` is for one file held in memory, `chunks` for a package's payload that is read once from end to end.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from auditor.errors import CorruptImage, LimitExceeded, UnsupportedFormat

GZIP, XZ, ZSTD, BZIP2, LZMA = "gz", "xz", "zst", "bz2", "lzma"

_MAGIC = {
    b"\x1f\x8b": GZIP,
    b"\xfd7zXZ\0": XZ,
    b"\x28\xb5\x2f\xfd": ZSTD,
    b"BZh": BZIP2,
    b"\x5d\0\0": LZMA,  # the properties byte of LZMA's defaults and the low bytes of a dictionary of 64 KiB or more
}
_FOREIGN = {b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4", b"\x89LZO": "lzo"}
_CHUNK = 1 << 20
_LZMA_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB, a kernel image's xz up to 128 MiB
_ZSTD_WINDOW = 128 << 20  # bytes; what kernel images are made with (`zstd --ultra -22`)

REMEDY = "get it anew"


class _Decompressor(Protocol):
    """What zlib's, bz2's, lzma's and zstandard's objects have in common here."""

    @property
    def eof(self) -> bool:
        """Whether the stream's end has been reached."""

    @property
    def unused_data(self) -> bytes:
        """The input that follows the stream's end."""

    def step(self, data: bytes, limit: int) -> bytes:
        """Some output, of `limit` bytes at most; called with `b""` until there is none left."""


class _Bounded:
    """bz2's and lzma's decompressors keep input that they have not used yet."""

    def __init__(self, inner: "bz2.BZ2Decompressor | lzma.LZMADecompressor") -> None:
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


class _Gzip:
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


class _Zstd:
    """zstandard's streaming object has no bound on output: input is fed to it in small pieces."""

    _PIECE = 4096  # bytes of input; a block of 128 KiB comes out of 4 bytes at the most

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

    def step(self, data: bytes, limit: int) -> bytes:  # noqa: ARG002
        if data:
            self._waiting = memoryview(bytes(self._waiting) + data)
        output = b""
        while self._waiting and not self._inner.eof and not output:
            piece, self._waiting = self._waiting[: self._PIECE], self._waiting[self._PIECE :]
            output = self._inner.decompress(piece)
        return output


_MAKERS: dict[str, Callable[[], _Decompressor]] = {
    GZIP: _Gzip,
    XZ: lambda: _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY)),
    LZMA: lambda: _Bounded(lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY)),
    BZIP2: lambda: _Bounded(bz2.BZ2Decompressor()),
    ZSTD: _Zstd,
}


def kind_of(head: bytes) -> str:
    """The format of bytes that start with `head`: `gz`, `xz`, `zst`, `bz2`, `lzma`, or "" where it is none of them."""
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
    for part in _streams(iter((data,)), where, trailing=trailing):
        size += len(part)
        if size > limit:
            raise LimitExceeded(f"it holds more than {limit} bytes", where, "no kernel's file is that large")
        parts.append(part)
    return b"".join(parts)


def chunks(file: BinaryIO, size: int, where: str) -> Iterator[bytes]:
    """The decompressed bytes of the next `size` bytes of `file`, in pieces; errors as `decompress`'s."""
    return _streams(_pieces(file, size, where), where, trailing=False)


def _pieces(file: BinaryIO, size: int, where: str) -> Iterator[bytes]:
    while size:
        piece = file.read(min(size, _CHUNK))
        if not piece:
            raise CorruptImage("the file is cut short", where, REMEDY)
        size -= len(piece)
        yield piece


def _streams(pieces: Iterator[bytes], where: str, *, trailing: bool) -> Iterator[bytes]:
    data = next(pieces, b"")
    kind = kind_of(data)
    if not kind:
        foreign = foreign_kind(data)
        if foreign:
            raise UnsupportedFormat(f"{foreign} compression can't be read", where, "give it decompressed")
        yield data
        yield from pieces
        return
    while data:
        decompressor = _MAKERS[kind]()
        yield from _one_stream(decompressor, data, pieces, where)
        if trailing:
            return
        data = _after_padding(decompressor.unused_data, pieces)
        if data and kind_of(data) != kind:
            raise CorruptImage(f"something follows the {kind} stream", where, REMEDY)


def _after_padding(data: bytes, pieces: Iterator[bytes]) -> bytes:
    """What follows a stream; NUL bytes are padding (xz-file-format 2.2, gzip(1))."""
    data = data.lstrip(b"\0")
    while not data:
        piece = next(pieces, b"")
        if not piece:
            break
        data = piece.lstrip(b"\0")
    return data


def _one_stream(decompressor: _Decompressor, data: bytes, pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    try:
        while True:
            output = decompressor.step(data, _CHUNK)
            data = b""
            if output:
                yield output
            elif not decompressor.eof:
                data = next(pieces, b"")
                if not data:
                    raise CorruptImage("the compressed data is cut short", where, REMEDY)
            if decompressor.eof:
                return
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise CorruptImage(f"the compressed data is broken: {error}", where, REMEDY) from error
    except Exception as error:
        # zstandard's error class, whose module is only imported where it is needed
        if type(error).__name__ != "ZstdError":
            raise
        raise CorruptImage(f"the compressed data is broken: {error}", where, REMEDY) from error
