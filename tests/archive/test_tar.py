"""The tar reader: every format that layers come in, told apart as Go's archive/tar does it."""

import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from auditor.archive.tar import Entry, TarReader
from auditor.errors import AuditError, CorruptImage, LimitExceeded
from tests.image.build import Member, file, folder, hard, link, tar


class Bytes:
    """A stream over bytes."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._size = len(data)

    def read(self, length: int) -> bytes:
        return self._file.read(length)

    def skip(self, length: int) -> int:
        return len(self._file.read(length))


def members(data: bytes) -> list[Entry]:
    return list(TarReader(Bytes(data), "layer"))


_LONG = "/".join(["directory-of-some-length"] * 12) + "/file"


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    "member",
    [
        file("usr/bin/a", b"x" * 1000, 0o4755, uid=7, gid=8),
        file("empty"),
        file("./dotted/name", b"y"),
        file("/absolute", b"z"),
        folder("usr/share/"),
        link("l", "../target"),
        hard("h", "usr/bin/a"),
        Member("dev/null", "char"),
        Member("dev/sda", "block"),
        Member("pipe", "fifo"),
        file("ümlaut", b"1"),
        file("d" * 90 + "/" + "f" * 90, b"prefix"),
    ],
    ids=lambda member: member.name[:12],
)
def test_members_are_read_as_tarfile_reads_them(member: Member, tar_format: int) -> None:
    data = tar([member, file("after", b"after")], tar_format)
    ours = members(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        theirs = archive.getmembers()
    assert [(e.name.rstrip("/"), e.type, e.mode, e.uid, e.gid, e.size, e.link) for e in ours] == [
        (m.name, m.type.decode(), m.mode, m.uid, m.gid, m.size, m.linkname) for m in theirs
    ]


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_links(tar_format: int) -> None:
    first, second, _ = members(tar([file(_LONG, b"1"), link("l", _LONG), file("after")], tar_format))
    assert (first.name, first.size, second.link) == (_LONG, 1, _LONG)


def test_names_that_are_no_text_survive() -> None:
    raw = b"caf\xe9"
    data = tar([file("cafX", b"1")], tarfile.GNU_FORMAT).replace(b"cafX", raw)
    entry = members(_checksummed(data))[0]
    assert entry.name.encode("utf-8", "surrogateescape") == raw


def test_pax_values_win_and_empty_ones_do_not() -> None:
    pax = {"path": "pax/name", "linkpath": "", "uid": "3000000", "SCHILY.xattr.security.capability": "\x01\udc80\x00"}
    entry = members(tar([file("short", b"data", pax=pax)]))[0]
    assert (entry.name, entry.uid, entry.link) == ("pax/name", 3000000, "")
    assert entry.capabilities == b"\x01\x80\x00"


def test_a_global_header_changes_nothing() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "evil"}) as archive:
        archive.addfile(tarfile.TarInfo("good"))
    assert [entry.name for entry in members(buffer.getvalue())] == ["good"]


def test_times_in_a_gnu_header_are_no_prefix() -> None:
    data = bytearray(tar([file("name")], tarfile.GNU_FORMAT))
    data[345:369] = b"14000000000\x0014000000000\0"
    assert members(_checksummed(bytes(data)))[0].name == "name"


def test_a_header_of_the_seventh_edition() -> None:
    data = bytearray(tar([file("old/", b"")], tarfile.GNU_FORMAT))
    data[257:265] = bytes(8)
    data[156] = 0
    data[345:350] = b"junk\0"
    entry = members(_checksummed(bytes(data)))[0]
    assert (entry.name, entry.type) == ("old/", "5")


def test_numbers_in_base_256() -> None:
    info = tarfile.TarInfo("big")
    info.uid = 0o7777777 + 5
    header = info.tobuf(tarfile.GNU_FORMAT)
    assert members(header + bytes(1024))[0].uid == 0o7777777 + 5


def test_an_archive_without_end_mark_ends() -> None:
    data = tar([file("a", b"1")])[:1024]
    assert [entry.name for entry in members(data)] == ["a"]


def _checksummed(data: bytes) -> bytes:
    block = bytearray(data[:512])
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


def _with(at: int, value: bytes) -> bytes:
    data = bytearray(tar([file("a", b"12345"), file("b")]))
    data[at : at + len(value)] = value
    return _checksummed(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        tar([file("a", b"12345")])[:515],
        tar([file("a", b"12345")])[:300],
        b"x" * 512,
        tar([file("a", b"12345")])[:512].replace(b"a", b"b", 1) + bytes(1024),
        _with(124, b"-0000000001\0"),
        _with(124, b"zzzzzzzzzzz\0"),
        _with(124, b"\xff" * 12),
        bytes(512) + b"x" * 512,
        tar([file("a", pax={"size": "9" * 30})]),
        tar([file("a", pax={"uid": "-1"})]),
        tar([file("a", pax={"x": "y"})]).replace(b"6 x=y\n", b"9 x=y\n"),
        tar([file("a", pax={"GNU.sparse.map": "5,5,0,5", "GNU.sparse.size": "99"}, data=b"0123456789")]),
        tar([file("a", pax={"GNU.sparse.map": "0,5,5,50", "GNU.sparse.size": "99"}, data=b"0123456789")]),
        tar([file("a", pax={"GNU.sparse.map": "0,5,5", "GNU.sparse.size": "99"}, data=b"0123456789")]),
        tar([file("a", pax={"GNU.sparse.major": "1", "GNU.sparse.realsize": "9"}, data=b"no map here" * 99)]),
    ],
)
def test_damage_is_an_error(data: bytes) -> None:
    with pytest.raises(CorruptImage):
        members(data)


def test_a_header_as_large_as_memory_is_refused() -> None:
    data = bytearray(tar([file("a", pax={"x": "y"})]))
    data[124:136] = b"77777777777\0"
    with pytest.raises(LimitExceeded):
        members(_checksummed(bytes(data)))


@pytest.mark.parametrize("seed", range(200))
def test_noise_is_an_error_and_never_a_traceback(seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(
        tar([file("a", b"1" * 700, pax={"path": "long" * 40}), folder("b"), link("c", "d"), hard("e", "a")])
    )
    for _ in range(dice.randint(1, 6)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    damaged = bytes(data[: dice.randrange(len(data))] if dice.random() < 0.3 else data)
    try:
        for entry in TarReader(Bytes(_checksummed(damaged) if dice.random() < 0.7 else damaged), "layer"):
            assert entry.size >= 0
    except AuditError:
        pass


@pytest.mark.skipif(shutil.which("tar") is None, reason="GNU tar is not installed")
@pytest.mark.parametrize(
    "options",
    [["--format=gnu"], ["--format=pax", "--sparse-version=0.0"], ["--format=pax", "--sparse-version=0.1"],
     ["--format=pax", "--sparse-version=1.0"]],
    ids=["gnu", "0.0", "0.1", "1.0"],
)  # fmt: skip
@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_sparse_files(tmp_path: Path, options: list[str], pieces: int) -> None:
    with (tmp_path / "sparse").open("wb") as sparse:
        for piece in range(pieces):
            sparse.seek(piece * 1_000_000)
            sparse.write(b"%04d" % piece * 1024)
        sparse.truncate(pieces * 1_000_000)
    (tmp_path / "after").write_bytes(b"after")
    subprocess.run(["tar", "-C", tmp_path, "-S", *options, "-cf", tmp_path / "t.tar", "sparse", "after"], check=True)
    data = (tmp_path / "t.tar").read_bytes()
    assert len(data) < pieces * 1_000_000
    reader = TarReader(Bytes(data), "layer")
    rebuilt = bytearray(pieces * 1_000_000)
    names = []
    for entry in reader:
        names.append((entry.name, entry.type, entry.size))
        for offset, length in entry.fragments or ():
            rebuilt[offset : offset + length] = reader.read(length)
    assert names == [("sparse", "0", pieces * 1_000_000), ("after", "0", 5)]
    assert bytes(rebuilt) == (tmp_path / "sparse").read_bytes()
