"""Kernel images of every build, with the config that they embed. The kernels in them are made up."""

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from auditor.errors import CorruptImage, UnsupportedFormat
from auditor.kernel.bootimage import KernelImage
from auditor.kernel.model import Presence
from auditor.kernel.source.open import open_source
from tests.kernel.made import HEADER, RELEASE, ask, need, packed, tree

CONFIG = HEADER + "CONFIG_X86_64=y\nCONFIG_IP_SET=y\n# CONFIG_NET_IPIP is not set\n"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


def kernel(config: str = CONFIG, release: str = RELEASE) -> bytes:
    """An uncompressed kernel: its banner, and its config between the two marks."""
    banner = f"Linux version {release} (builder@host) (gcc 12) #1 SMP\n".encode()
    embedded = b"IKCFG_ST" + gzip.compress(config.encode()) + b"IKCFG_ED" if config else b""
    return bytes(5000) + banner + bytes(300) + embedded + bytes(5000)


def bzimage(payload: bytes, *, release: str = "", version: int = 0x20F) -> bytes:
    """x86's image: a boot sector and one of setup code, then the decompressor and its payload."""
    head = bytearray(3 * 512)
    head[0x1F1] = 2
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    code = b"\x90" * 1000
    if version >= 0x208:
        struct.pack_into("<II", head, 0x248, len(code), len(payload) + 4)
    if release:
        struct.pack_into("<H", head, 0x20E, 0x300)
        head[0x500 : 0x500 + len(release) + 6] = release.encode() + b" (b@h)"
    return bytes(head) + code + payload + struct.pack("<I", 12345) + bytes(100)


def zboot(payload: bytes) -> bytes:
    """EFI's self-decompressing image."""
    head = b"MZ\0\0zimg" + struct.pack("<II", 512, len(payload)) + bytes(8) + b"gzip\0"
    return head.ljust(512, b"\0") + payload + bytes(64)


def within(wrap: Callable[[bytes], bytes], pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: wrap(pack(data))


IMAGES: dict[str, Callable[[bytes], bytes]] = {
    **{f"bzImage {kind}": within(bzimage, pack) for kind, pack in PACKERS.items()},
    **{f"zboot {kind}": within(zboot, pack) for kind, pack in PACKERS.items()},
    **{f"Image.{kind}": pack for kind, pack in PACKERS.items()},
    "Image": lambda data: data,
    "ELF": lambda data: b"\x7fELF\2\2\1" + data,
    "bzImage of an old protocol": lambda data: bzimage(gzip.compress(data), version=0x207),
    "decompressor with a gzipped kernel in it": lambda data: b"\0\1\2\3" * 999 + gzip.compress(data) + bytes(77),
}


@pytest.mark.parametrize("name", IMAGES)
def test_config_and_release(tmp_path: Path, name: str) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(IMAGES[name](kernel()))
    built_in, absent, unknown = ask([path], need("ip_set", "IP_SET"), need("ipip", "NET_IPIP"), need("other"))
    assert (built_in.presence, absent.presence) == (Presence.BUILT_IN, Presence.ABSENT)
    assert unknown.presence is Presence.UNKNOWN
    source = open_source(path)
    assert source.kind == "kernel image"
    assert list(source.open(lambda *_: True).paths()) == [f"boot/config-{RELEASE}"]


@pytest.mark.parametrize("name", IMAGES)
def test_without_a_config(tmp_path: Path, name: str) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(IMAGES[name](kernel("")))
    with pytest.raises(UnsupportedFormat, match="CONFIG_IKCONFIG"):
        open_source(path)


def test_the_release_in_the_boot_header_needs_no_decompression() -> None:
    data = bzimage(b"\x02\x21\x4c\x18" + bytes(500), release="5.10.0-1-cloud")
    image = KernelImage(data, "x")
    assert (image.release(), image.config(), image.foreign()) == ("5.10.0-1-cloud", None, "lz4")


@pytest.mark.parametrize(("magic", "kind"), [(b"\x02\x21\x4c\x18", "lz4"), (b"\x89LZO", "lzo")])
def test_a_compression_that_cannot_be_read(tmp_path: Path, magic: bytes, kind: str) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(magic + bytes(500), release=RELEASE))
    with pytest.raises(UnsupportedFormat, match=kind):
        open_source(path)


def test_a_broken_config(tmp_path: Path) -> None:
    data = kernel()
    mark = data.index(b"IKCFG_ST")
    path = tmp_path / "Image"
    path.write_bytes(data[: mark + 30])
    with pytest.raises(CorruptImage):
        open_source(path)


def test_a_truncated_image(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(lzma.compress(kernel()))[:2800])
    with pytest.raises(CorruptImage):
        open_source(path)


@pytest.mark.parametrize("data", [b"", b"\0" * 70000, b"MZ" * 400, b"some text\n"])
def test_what_is_nothing_of_a_kernel(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormat):
        open_source(path)


def test_the_image_in_a_tree_and_the_module_that_holds_the_config(tmp_path: Path) -> None:
    with_image = tree(tmp_path / "a", {})
    (with_image / "vmlinuz").write_bytes(bzimage(lzma.compress(kernel())))
    assert ask([with_image], need("ip_set", "IP_SET"))[0].presence is Presence.BUILT_IN

    with_module = tree(tmp_path / "b", {})
    marked = b"IKCFG_ST" + gzip.compress(CONFIG.encode()) + b"IKCFG_ED"
    (with_module / "kernel/net/configs.ko.xz").write_bytes(packed(b"\x7fELF" + bytes(100) + marked, "xz"))
    assert ask([with_module], need("ip_set", "IP_SET"))[0].presence is Presence.BUILT_IN


def test_an_image_in_a_tree_that_tells_nothing_changes_nothing(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (root / "vmlinuz").write_bytes(bzimage(b"\x02\x21\x4c\x18" + bytes(500)))
    assert ask([root], need("ip_set", "IP_SET"))[0].presence is Presence.UNKNOWN
