"""Compressed bytes within bounds: every format, broken ones, and those that would fill the memory."""

import bz2
import gzip
import io
import lzma
import random
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from auditor.archive.compression import chunks, decompress, kind_of
from auditor.archive.xzblocks import xz_blocks
from auditor.errors import CorruptImage, LimitExceeded, UnsupportedFormat

DATA = b"".join(bytes((index * index >> 3 & 255,)) for index in range(300_000))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}
KINDS = sorted(PACKERS)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind: str) -> None:
    packed = PACKERS[kind](DATA)
    assert kind_of(packed) == kind
    assert decompress(packed, len(DATA), "x") == DATA
    assert b"".join(chunks(io.BytesIO(b"before" + packed), 0, "x")) == b""
    file = io.BytesIO(packed + b"after")
    assert b"".join(chunks(file, len(packed), "x")) == DATA


def test_plain_bytes_are_as_they_are() -> None:
    assert decompress(b"plain", 5, "x") == b"plain"
    with pytest.raises(LimitExceeded):
        decompress(b"plain", 4, "x")


@pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
def test_concatenated_streams(kind: str) -> None:
    packed = PACKERS[kind](b"one ") + PACKERS[kind](b"two")
    assert decompress(packed, 10, "x") == b"one two"
    assert decompress(packed, 10, "x", trailing=True) == b"one "


@pytest.mark.parametrize("kind", KINDS)
def test_trailing_bytes(kind: str) -> None:
    packed = PACKERS[kind](b"data")
    assert decompress(packed + b"rest", 10, "x", trailing=True) == b"data"
    if kind == "lzma":
        return  # its end is told by its length, which Python's writer leaves open
    assert decompress(packed + bytes(9), 10, "x") == b"data"
    with pytest.raises(CorruptImage):
        decompress(packed + b"rest", 10, "x")


@pytest.mark.parametrize("kind", KINDS)
def test_truncated(kind: str) -> None:
    packed = PACKERS[kind](DATA)
    for length in (len(packed) - 1, len(packed) // 2, 20):
        with pytest.raises(CorruptImage) as caught:
            decompress(packed[:length], len(DATA), "tree/a.ko.xz")
        assert str(caught.value).startswith("tree/a.ko.xz: ")


@pytest.mark.parametrize("kind", ["gz", "xz", "zst", "bz2"])
def test_broken(kind: str) -> None:
    random.seed(3)
    packed = bytearray(PACKERS[kind](DATA))
    for position in range(len(packed) // 2, len(packed) // 2 + 30):
        packed[position] ^= random.randrange(1, 256)
    with pytest.raises((CorruptImage, LimitExceeded)):
        decompress(bytes(packed), len(DATA), "x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_costs_little(kind: str) -> None:
    packed = PACKERS[kind](bytes(200 << 20))
    tracemalloc.start()
    with pytest.raises(LimitExceeded):
        decompress(packed, 1 << 20, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160 << 20


@pytest.mark.parametrize(("magic", "kind"), [(b"\x02\x21\x4c\x18", "lz4"), (b"\x89LZO\0", "lzo")])
def test_what_cannot_be_read_is_named(magic: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedFormat, match=kind):
        decompress(magic + bytes(20), 100, "x")


class TestBlocks:
    """An .xz of several blocks, as `xz -T` and dpkg-deb write it."""

    @pytest.fixture
    def packed(self, tmp_path: Path) -> bytes:
        source = tmp_path / "data"
        source.write_bytes(DATA)
        subprocess.run(["xz", "-k", "-T2", "--block-size=50000", str(source)], check=True)
        return (tmp_path / "data.xz").read_bytes()

    def test_same_as_in_one_piece(self, packed: bytes) -> None:
        file = io.BytesIO(b"before" + packed + b"after")
        file.seek(6)
        blocks = xz_blocks(file, len(packed), "x")
        assert blocks is not None
        parts = list(blocks)
        assert [len(part) for part in parts] == [50_000] * 6
        assert b"".join(parts) == DATA == lzma.decompress(packed)

    def test_one_block_is_left_alone(self) -> None:
        file = io.BytesIO(lzma.compress(DATA))
        assert xz_blocks(file, len(file.getvalue()), "x") is None
        assert file.tell() == 0

    def test_two_streams_are_left_alone(self, packed: bytes) -> None:
        assert xz_blocks(io.BytesIO(packed * 2), 2 * len(packed), "x") is None

    def test_every_flipped_byte_is_told_or_left_to_the_plain_reader(self, packed: bytes) -> None:
        random.seed(5)
        for _ in range(150):
            broken = bytearray(packed)
            broken[random.randrange(len(broken))] ^= random.randrange(1, 256)
            blocks = xz_blocks(io.BytesIO(bytes(broken)), len(broken), "x")
            if blocks is None:
                continue
            with pytest.raises(CorruptImage):
                list(blocks)

    def test_truncated(self, packed: bytes) -> None:
        for length in range(0, len(packed), 997):
            assert xz_blocks(io.BytesIO(packed[:length]), length, "x") is None
