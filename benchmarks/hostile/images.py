"""Layers by the entry, and images of one such layer."""

import hashlib
import itertools
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

MIB = 1 << 20


def header(name: str, kind: bytes = b"0", link: str = "", size: int = 0) -> bytes:
    """One entry; names over 100 bytes get a PAX header."""
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = link
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


_PLAIN = bytearray(header("x" * 20))


def quick(name: str, kind: int = 0x30) -> bytes:
    """As `header`, for the millions: names of 20 ASCII letters."""
    block = _PLAIN[:]
    block[:20] = name.encode()
    block[156] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def deep() -> Iterator[bytes]:
    """Paths of 1,990 directories."""
    for number in range(2000):
        yield header(f"{number:x}/" + "d/" * 1990 + "f")


def long_names(count: int = 40_000) -> Iterator[bytes]:
    """Names of 3,700 letters."""
    for number in range(count):
        yield header(f"{number:x}/" + "n" * 3700)


def many(kind: int, prefix: str = "", count: int = 600_000) -> Callable[[], Iterator[bytes]]:
    """Entries of one kind."""

    def members() -> Iterator[bytes]:
        for number in range(count):
            yield quick(f"{prefix}{number:x}".ljust(20, "_"), kind)

    return members


def few_directories() -> Iterator[bytes]:
    """More directories than an image has, and fewer entries."""
    return itertools.islice(many(0x35)(), 150_000)


def hard_links() -> Iterator[bytes]:
    """Names of one file."""
    yield header("f")
    for number in range(600_000):
        block = bytearray(quick(f"{number:x}".ljust(20, "_"), 0x31))
        block[157:158] = b"f"
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        yield bytes(block)


def through_links() -> Iterator[bytes]:
    """Each name goes through a link of two thousand parts."""
    yield header("d/" * 1990 + "file")
    yield header("l", tarfile.SYMTYPE, "d/" * 1990)
    for number in range(12_000):
        yield header(f"l/{number:x}/f")


def sparse() -> Iterator[bytes]:
    """A program of eight gigabytes, of which one block is stored."""
    member = tarfile.TarInfo("usr/sbin/ipset")
    member.mode = 0o755
    member.size = 512
    member.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "usr/sbin/ipset",
        "GNU.sparse.size": str(8 << 30), "GNU.sparse.map": "0,512",
    }  # fmt: skip
    yield member.tobuf(tarfile.PAX_FORMAT)
    yield b"\x7fELF".ljust(512, b"\0")


def zeros() -> Iterator[bytes]:
    """One file of 40 GiB."""
    yield header("zeros", size=40 << 30)
    for _ in range(40 << 10):
        yield bytes(MIB)


def layout(folder: Path, members: Iterator[bytes], most: int) -> Path:
    """An image of one layer, which is never whole in memory."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    pieces = []
    total = 0
    diff_id = hashlib.sha256()
    for member in members:
        pieces.append(packer.compress(member))
        diff_id.update(member)
        total += len(member)
        if total > most:
            break  # the rest isn't read
    layer = b"".join([*pieces, packer.flush()])
    assert len(layer) < 64 * MIB
    settings = _json(
        {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Env": ["PATH=/usr/sbin:/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id.hexdigest()}"]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor(settings, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
        }
    )
    for blob in (layer, settings, manifest):
        (blobs / hashlib.sha256(blob).hexdigest()).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [_descriptor(manifest, "application/vnd.oci.image.manifest.v1+json")]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _descriptor(blob: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}
