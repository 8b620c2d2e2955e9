"""Images that are small as they are stored and ask for much: each is answered within the memory that is promised.

The promise: no image of 64 MiB stored takes more than 512 MiB of memory. A limit on the address space makes sure that
none comes near to taking the machine's; what it says is one line with the limit's name and how to raise it.
"""

import gzip
import io
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.cli.main import run
from benchmarks.hostile.images import (
    MIB,
    deep,
    few_directories,
    hard_links,
    layout,
    long_names,
    many,
    sparse,
    through_links,
    zeros,
)
from tests.image.build import config, encode, sha256

PROMISED = 512 * MIB
ADDRESS_SPACE = 1536 * MIB  # threads and libraries reserve much that they don't use

READ = r"""
import re, sys
from auditor.auditing.load import load
from auditor.errors import AuditError
try:
    with load(sys.argv[1]) as image:
        print(sum(1 for _ in image.tree.walk()))
except AuditError as error:
    print(error)
# Not getrusage's maxrss: the process that started this one counts there, and a long run of tests is large.
print(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
"""


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
