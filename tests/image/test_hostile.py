"""Images that are small as they are stored and ask for much: each is answered within the memory that is promised.

The promise: no image of 64 MiB stored takes more than 512 MiB of memory. A limit on the address space makes sure that
none comes near to taking the machine's; what it says is one line with the limit's name and how to raise it.
"""

import gzip
import hashlib
import io
import itertools
import json
import resource
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.cli.main import run
from tests.image.build import config, encode, sha256

MIB = 1 << 20
PROMISED = 512 * MIB
ADDRESS_SPACE = 1536 * MIB  # threads and libraries reserve much that they don't use

READ = """
import resource, sys
from auditor.auditing.load import load
from auditor.errors import AuditError
try:
    with load(sys.argv[1]) as image:
        print(sum(1 for _ in image.tree.walk()))
except AuditError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


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
    for number in range(2000):
        yield header(f"{number:x}/" + "d/" * 1990 + "f")


def long_names() -> Iterator[bytes]:
    for number in range(40_000):
        yield header(f"{number:x}/" + "n" * 3700)


def many(kind: int, prefix: str = "") -> Callable[[], Iterator[bytes]]:
    def members() -> Iterator[bytes]:
        for number in range(600_000):
            yield quick(f"{prefix}{number:x}".ljust(20, "_"), kind)

    return members


def few_directories() -> Iterator[bytes]:
    return itertools.islice(many(0x35)(), 150_000)


def hard_links() -> Iterator[bytes]:
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
    yield header("zeros", size=40 << 30)
    for _ in range(40 << 10):
        yield bytes(MIB)


CASES: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
    "2,000 paths of depth 1,990": (deep, "directories"),
    "40,000 names of 3,700 letters": (long_names, "names"),
    "names that go through a link of 2,000 parts": (through_links, "lookups"),
    "600,000 files": (many(0x30), "entries"),
    "600,000 directories": (many(0x35), "entries"),
    "150,000 directories": (few_directories, "directories"),
    "600,000 whiteouts": (many(0x30, ".wh."), "entries"),
    "600,000 hard links": (hard_links, "entries"),
    "40 GiB of zeros": (zeros, "uncompressed"),
}
QUICK = frozenset({"2,000 paths of depth 1,990", "names that go through a link of 2,000 parts"})
TABLE = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.full]) for name in CASES]


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
    settings = encode(
        {**config([]), "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id.hexdigest()}"]}, "history": []}
    )
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor(settings, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
        }
    )
    for blob in (layer, settings, manifest):
        (blobs / sha256(blob).partition(":")[2]).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [_descriptor(manifest, "application/vnd.oci.image.manifest.v1+json")]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def _descriptor(blob: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": sha256(blob), "size": len(blob)}


def answered(reference: str) -> tuple[str, int]:
    """What is said of an image, and the bytes of memory that it took."""
    done = subprocess.run(
        [sys.executable, "-c", READ, reference],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    words, _, memory = done.stdout.strip().rpartition("\n")
    return words, int(memory) << 10


@pytest.mark.parametrize("name", TABLE)
def test_an_image_of(name: str, tmp_path: Path) -> None:
    members, limit = CASES[name]
    words, memory = answered(f"oci-dir:{layout(tmp_path, members(), 2200 * MIB)}")
    assert f"asks for more {limit} than the limit of" in words
    assert f"raise the limit with --limit {limit}=NUMBER" in words
    assert memory < PROMISED


def test_a_sparse_program_costs_nothing(tmp_path: Path) -> None:
    words, memory = answered(f"oci-dir:{layout(tmp_path, sparse(), MIB)}")
    assert words == "3"  # its directories and itself
    assert memory < PROMISED


def test_an_archive_that_is_compressed_twice(tmp_path: Path) -> None:
    """What the archive is inflated to is not what is stored: a layer inside may not grow by it."""
    plain = bytes(200 * MIB)
    inner = gzip.compress(plain, 1)
    path = tmp_path / "image.tar.gz"
    settings = encode({**config([]), "rootfs": {"type": "layers", "diff_ids": [sha256(plain)] * 20}, "history": []})
    manifest = encode([{"Config": "c.json", "RepoTags": None, "Layers": [f"{number}.tar" for number in range(20)]}])
    files = {"manifest.json": manifest, "c.json": settings, **{f"{number}.tar": inner for number in range(20)}}
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    words, memory = answered(f"docker-archive:{path}")
    assert "asks for more uncompressed than the limit" in words
    assert memory < PROMISED


def test_a_report_of_empty_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"[" + b"[]," * 2_000_000 + b"[]]")
    assert run(["check", f"report:{path}"]) == 2
    assert "asks for more json values than the limit of 2000000" in capsys.readouterr().err
