"""Layers as streams: every compression, and every way in which bytes are not what was promised."""

import bz2
import gzip
import hashlib
import io
import lzma
import sys
import tracemalloc
import zlib

import pytest
import zstandard

from auditor.budget import Budget, Limits
from auditor.errors import AuditError, CorruptImage, LimitExceeded, UnsupportedFormat
from auditor.image.layer import Expected, LayerContents, read_layer
from auditor.image.spool import Spool
from auditor.inventory.keep import keep
from auditor.kept import Keep
from tests.image.build import LAYER, file, program, sha256, tar

MEMBERS = [
    program("bin/a", b"\x7fELF" + bytes(range(256)) * 4000),
    file("etc/text", "hello"),
    file("var/big", b"x" * 200_000),
]
PLAIN = tar(MEMBERS)


def read(stored: bytes, *, policy: Keep = keep, limits: Limits | None = None, **expected: object) -> LayerContents:
    claims = {"digest": sha256(stored), "size": len(stored), "diff_id": sha256(PLAIN), "media_type": "", **expected}
    with_all = Expected("layer 0", **claims)  # type: ignore[arg-type]
    limits = limits or Limits()
    return read_layer(
        io.BytesIO(stored), with_all, keep=policy, spool=Spool(Budget(limits).kept), budget=Budget(limits)
    )


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


ESTARGZ_FOOTER = (  # an empty member whose extra field says where the table of contents is (estargz, "Footer")
    bytes.fromhex("1f8b080400000000 00ff 1a00 5347 1600".replace(" ", ""))
    + b"%016xSTARGZ" % len(PLAIN)
    + bytes.fromhex("010000ffff0000000000000000")
)
_SKIPPABLE = b"\x50\x2a\x4d\x18" + (12).to_bytes(4, "little") + b"table of con"
_THIRD = len(PLAIN) // 3

STORED = {
    "plain": PLAIN,
    "gzip": gzip.compress(PLAIN, 1),
    "gzip in members": gzip.compress(PLAIN[:_THIRD]) + gzip.compress(PLAIN[_THIRD:]) + gzip.compress(b""),
    "gzip of many members": b"".join(gzip.compress(PLAIN[at : at + 9999], 1) for at in range(0, len(PLAIN), 9999)),
    "gzip with zeros behind": gzip.compress(PLAIN, 1) + bytes(1024),
    "gzip with name and comment": b"\x1f\x8b\x08\x18"
    + bytes(4)
    + b"\0\xff"
    + b"layer.tar\0comment\0"
    + gzip.compress(PLAIN, 1)[10:],
    "estargz": b"".join(gzip.compress(PLAIN[at : at + 70_000], 1) for at in range(0, len(PLAIN), 70_000))
    + ESTARGZ_FOOTER,
    "zstd": zstd(PLAIN),
    "zstd in frames": zstd(PLAIN[:_THIRD]) + zstd(PLAIN[_THIRD:]),
    "zstd with skippable frames": _SKIPPABLE + zstd(PLAIN[:_THIRD]) + _SKIPPABLE + zstd(PLAIN[_THIRD:]) + _SKIPPABLE,
    "bzip2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN, preset=0),
}


@pytest.mark.parametrize("form", STORED)
def test_layers_of_every_form_are_the_same(form: str) -> None:
    stored = STORED[form]
    contents = read(stored)
    assert (contents.digest, contents.size) == (sha256(stored), len(stored))
    assert (contents.diff_id, contents.uncompressed) == (sha256(PLAIN), len(PLAIN))
    assert [(entry.path, entry.size) for entry in contents.entries] == [
        ("/" + member.name, len(member.data)) for member in MEMBERS
    ]
    kept = [entry.content.read() if entry.content else None for entry in contents.entries]
    assert kept == [MEMBERS[0].data, b"hello", None]


@pytest.mark.parametrize("form", [form for form in STORED if "gz" in form])
def test_gzip_without_the_faster_library(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    assert read(STORED[form]).diff_id == sha256(PLAIN)
    with pytest.raises(CorruptImage):
        read(STORED[form][: len(STORED[form]) // 2], digest=None, size=None)


@pytest.mark.parametrize("form", STORED)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_cut_layers_are_refused(form: str, share: float) -> None:
    stored = STORED[form]
    cut = stored[: int(len(stored) * share)]
    with pytest.raises(CorruptImage) as caught:
        read(cut, digest=sha256(stored), size=len(stored))
    assert str(caught.value).startswith("layer 0: ")
    assert f"has {len(cut)} bytes, the manifest says {len(stored)}" in str(caught.value) or share == 0.0
    if share < 0.9 or ("behind" not in form and "skippable" not in form):  # there only padding is lost
        with pytest.raises(CorruptImage):  # where only the diff id is known
            read(cut, digest=None, size=None)


@pytest.mark.parametrize("form", STORED)
def test_altered_layers_are_refused(form: str) -> None:
    stored = bytearray(STORED[form])
    for at in range(len(stored) // 2, len(stored) // 2 + 8):
        stored[at] ^= 0x5A
    with pytest.raises(CorruptImage):
        read(bytes(stored), digest=sha256(STORED[form]))
    with pytest.raises(CorruptImage):
        read(bytes(stored), digest=None, size=None)


def test_bytes_behind_the_tar_belong_to_the_layer() -> None:
    longer = PLAIN + bytes(4096) + b"tail"
    assert read(longer, diff_id=sha256(longer)).diff_id == sha256(longer)
    stored = gzip.compress(longer)
    assert read(stored, diff_id=sha256(longer)).uncompressed == len(longer)
    with pytest.raises(CorruptImage, match="the image config says"):
        read(stored)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"digest": "sha256:" + "0" * 64}, "has the digest sha256:"),
        ({"size": 5}, "is longer than the 5 bytes"),
        ({"size": 1 << 40}, "the manifest says 1099511627776"),
        ({"diff_id": "sha256:" + "0" * 64}, "the image config says sha256:000"),
    ],
)
@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_claims_are_checked(form: str, claims: dict[str, object], words: str) -> None:
    with pytest.raises(CorruptImage, match=words):
        read(STORED[form], **claims)  # type: ignore[arg-type]


def test_sha512_digests() -> None:
    digest = "sha512:" + hashlib.sha512(PLAIN).hexdigest()
    assert read(PLAIN, digest=digest, diff_id=digest).digest == digest
    stored = gzip.compress(PLAIN)
    assert read(stored, diff_id=digest).diff_id == digest
    assert read(PLAIN, digest=digest).diff_id == sha256(PLAIN)
    assert read(PLAIN, diff_id=digest).digest == sha256(PLAIN)


@pytest.mark.parametrize(
    ("media_type", "form"),
    [
        (LAYER, "plain"),
        (f"{LAYER}+gzip", "gzip"),
        (f"{LAYER}+zstd", "zstd"),
        (f"{LAYER}+gzip", "zstd"),
        (f"{LAYER}+gzip", "plain"),
        (LAYER, "gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar", "plain"),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"),
    ],
)
def test_the_bytes_say_how_they_are_compressed(media_type: str, form: str) -> None:
    assert read(STORED[form], media_type=media_type).diff_id == sha256(PLAIN)


@pytest.mark.parametrize(
    ("media_type", "words"),
    [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "foreign layer"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "foreign layer"),
        (f"{LAYER}+gzip+encrypted", "encrypted layer"),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "unknown media type"),
    ],
)
def test_layers_that_can_not_be_read_are_named(media_type: str, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words):
        read(PLAIN, media_type=media_type)


def test_an_empty_layer() -> None:
    for data in (bytes(1024), b"", tar([])):
        assert read(data, diff_id=sha256(data)).entries == ()
        stored = gzip.compress(data)
        assert read(stored, diff_id=sha256(data)).entries == ()


@pytest.mark.parametrize(
    "data",
    [b"this is no tar at all" * 99, b"\x1f\x8b and no gzip", b"\x28\xb5\x2f\xfd and no zstd", b"BZh9..", b"\xfd7zXZ\0"],
)
def test_what_is_no_layer(data: bytes) -> None:
    with pytest.raises(CorruptImage):
        read(data, diff_id=None)


@pytest.mark.parametrize(
    "limits",
    [Limits(entries=2), Limits(uncompressed=100_000), Limits(kept=1000), Limits(names=10), Limits(path=4)],
)
@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_limits_hold(form: str, limits: Limits) -> None:
    with pytest.raises(LimitExceeded):
        read(STORED[form], limits=limits)


@pytest.mark.parametrize("form", ["gzip", "zstd", "xz"])
def test_a_bomb_is_refused_in_little_memory(form: str) -> None:
    zeros = bytes(1 << 20)
    if form == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(zeros) for _ in range(300)) + packer.flush()
    elif form == "zstd":
        zpacker = zstandard.ZstdCompressor(level=3).compressobj()
        bomb = b"".join(zpacker.compress(zeros) for _ in range(300)) + zpacker.flush()
    else:
        xpacker = lzma.LZMACompressor(preset=0)
        bomb = b"".join(xpacker.compress(zeros) for _ in range(300)) + xpacker.flush()
    tracemalloc.start()
    with pytest.raises(LimitExceeded):
        read(bomb, diff_id=None, limits=Limits(uncompressed=100 << 20))
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_file_that_claims_to_be_huge_and_has_holes_only() -> None:
    pax = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 50)}
    data = tar([file("bin/sparse", b"", 0o755, pax=pax)])
    assert read(data, diff_id=None).entries[0].content is None
    pax = {"GNU.sparse.map": "0,4", "GNU.sparse.size": str(100 << 20)}
    data = tar([file("bin/sparse", b"\x7fELF", 0o755, pax=pax)])
    entry = read(data, diff_id=None).entries[0]
    assert entry.content is not None
    assert (entry.size, entry.content.read(0, 6), entry.content.read(1 << 20, 3)) == (
        100 << 20,
        b"\x7fELF\0\0",
        bytes(3),
    )
    with pytest.raises(LimitExceeded):
        read(data, diff_id=None, limits=Limits(kept=1 << 20))


def test_names_that_no_system_has() -> None:
    with pytest.raises(AuditError):
        read(tar([file("x/" * 3000)]), diff_id=None)


def test_content_is_read_in_pieces() -> None:
    content = read(PLAIN).entries[0].content
    assert content is not None
    data = MEMBERS[0].data
    assert content.size == len(data)
    assert content.read(4, 10) == data[4:14]
    assert content.read(len(data) - 3, 10) == data[-3:]
    assert content.read(len(data) + 5, 10) == b""
    assert content.read(7) == data[7:]
    with pytest.raises(ValueError, match="negative"):
        content.read(-1, 5)


@pytest.mark.parametrize(
    ("path", "mode", "size", "head", "kept"),
    [
        ("/usr/bin/ip", 0o755, 700_000, b"\x7fELF\2\1", True),
        ("/opt/lib.so", 0o644, 700_000, b"\x7fELF", True),
        ("/opt/run", 0o644, 100, b"#!/bin/sh", True),
        ("/var/lib/dpkg/status", 0o644, 5_000_000, b"Package", True),
        ("/var/lib/dpkg/status.d/base", 0o644, 500, b"Package", True),
        ("/var/lib/dpkg/info/libc6:amd64.list", 0o644, 90_000, b"/.\n", True),
        ("/var/lib/dpkg/info/libc6:amd64.postinst", 0o644, 90_000, b"text", False),
        ("/var/lib/rpm/Packages", 0o644, 50_000_000, b"\0\0\0\0", True),
        ("/usr/lib/sysimage/rpm/rpmdb.sqlite", 0o644, 50_000_000, b"SQLi", True),
        ("/lib/apk/db/installed", 0o644, 500_000, b"C:Q1", True),
        ("/etc/ld.so.cache", 0o644, 500_000, b"glib", True),
        ("/usr/glibc-compat/etc/ld.so.cache", 0o644, 500_000, b"glib", True),
        ("/opt/glibc/etc/ld.so.preload", 0o644, 10, b"/lib", True),
        ("/opt/musl/etc/ld-musl-x86_64.path", 0o644, 10, b"/lib", True),
        ("/etc/ld-musl-x86_64.path", 0o644, 10, b"/lib", True),
        ("/etc/os-release", 0o644, 300, b"NAME", True),
        ("/etc/service/enabled/felix/run", 0o644, 300, b"exec", True),
        ("/etc/rc.local", 0o644, 300, b"# no", True),
        ("/etc/ssl/certs/ca-certificates.crt", 0o644, 200_000, b"----", False),
        ("/sbin/start_runit", 0o755, 3000, b"echo", True),
        ("/lib/modules/5.10/modules.builtin", 0o644, 300_000, b"kern", False),
        ("/lib/modules/5.10/kernel/net/ip_set.ko.xz", 0o644, 30_000, b"\xfd7zX", False),
        ("/usr/lib/modules/5.14/config", 0o644, 300_000, b"CONF", False),
        ("/boot/config-5.10", 0o644, 300_000, b"CONF", False),
        ("/var/lib/dpkg/info/libc6.conffiles", 0o644, 90_000, b"/etc", False),
        ("/var/lib/rpm/Name", 0o644, 50_000_000, b"\0\0\0\0", False),
        ("/usr/share/doc/x/README", 0o644, 300, b"text", False),
        ("/usr/bin/huge", 0o755, 1 << 40, b"\x7fELF", False),
    ],
)
def test_which_contents_are_kept(path: str, mode: int, size: int, head: bytes, kept: bool) -> None:
    assert keep(path, mode, size, head) is kept
