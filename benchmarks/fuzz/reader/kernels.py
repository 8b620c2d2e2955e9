"""What a kernel is told from: packages, images, configs, lists and a node's facts."""

import gzip
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache

from auditor.archive.rpmheader import Tag
from auditor.auditing.kernel import audit_kernels
from auditor.errors import AuditError
from auditor.kernel.config import parse_config
from auditor.kernel.lists import AliasTable, parse_dep, parse_names
from auditor.kernel.model import FeatureNeed
from auditor.kernel.modinfo import parse_builtin, parse_module
from auditor.kernel.read import read_kernels
from auditor.kernel.source.open import open_source
from auditor.kernel.version import release_version
from auditor.rules.kernel.bridge import feature_needs
from auditor.spec import Spec, load_spec
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.reader.images import layer
from benchmarks.fuzz.world import joined, parts, written
from tests.packages.rpm_files import header

_TEXT = b"""#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.0 Kernel Configuration
#
CONFIG_X86_64=y
CONFIG_NET=y
CONFIG_CRYPTO=m
# CONFIG_DEBUG_KERNEL is not set
CONFIG_IP_SET=m
CONFIG_DEFAULT_HOSTNAME="(none)"
"""
_TREE = "lib/modules/6.1.0-1-amd64"
_FILES: dict[str, bytes | str] = {
    f"{_TREE}/modules.dep": b"kernel/net/ip_set.ko.xz: kernel/net/nfnetlink.ko\n",
    f"{_TREE}/modules.builtin": b"kernel/net/ipv6.ko\n",
    "boot/config-6.1.0-1-amd64": _TEXT,
}


@cache
def _asked() -> tuple[Spec, tuple[FeatureNeed, ...]]:
    spec = load_spec()
    return spec, feature_needs(spec)


def _whole(name: str) -> Callable[[bytes], None]:
    """A file of a user's, judged as `audit-image kernel` does."""

    def read(data: bytes) -> None:
        spec, needs = _asked()
        audit_kernels(read_kernels([open_source(written(name, data))], needs), (), spec)

    return read


def _deb() -> bytes:
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": gzip.compress(layer({"./control": b"Package: linux-image\nArchitecture: amd64\n"})),
        "data.tar.gz": gzip.compress(layer(_FILES)),
    }
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def cpio(files: dict[str, bytes | str]) -> bytes:
    """The payload of an RPM package."""
    out = b""
    for inode, (name, data) in enumerate([*files.items(), ("TRAILER!!!", b"")]):
        assert isinstance(data, bytes)
        numbers = (inode, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + "".join(f"{number:08x}" for number in numbers).encode() + name.encode() + b"\0"
        out += head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
    return out


def _rpm() -> bytes:
    def blob(tags: dict[Tag, object]) -> bytes:
        return b"\x8e\xad\xe8\x01\0\0\0\0" + header(tags)  # type: ignore[arg-type]

    signature = blob({Tag.SHA1HEADER: "0" * 40})
    lead = b"\xed\xab\xee\xdb".ljust(96, b"\0") + signature
    lead += bytes(-(len(signature) - 8 + 16) % 8)
    named = blob({Tag.NAME: "kernel", Tag.ARCH: "x86_64", Tag.PAYLOADFORMAT: "cpio"})
    return lead + named + gzip.compress(cpio(_FILES))


def _images() -> Iterator[bytes]:
    marked = b"IKCFG_ST" + gzip.compress(_TEXT) + b"IKCFG_ED"
    kernel = b"Linux version 6.1.0-1-amd64 (x@y) (gcc) #1 SMP\0" + marked
    payload = gzip.compress(kernel)
    zimage = bytearray(0x600)
    zimage[0x1F1] = 1
    zimage[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", zimage, 0x206, 0x20F)
    struct.pack_into("<H", zimage, 0x20E, 0x300)
    struct.pack_into("<II", zimage, 0x248, 0x200, len(payload))
    zimage[0x500:0x510] = b"6.1.0-1-amd64 x\0"
    yield bytes(zimage) + payload
    yield gzip.compress(kernel)
    yield b"\x7fELF" + bytes(60) + kernel
    yield b"MZ\0\0zimg" + struct.pack("<II", 16, len(payload)) + payload
    yield bytes(56) + b"ARM\x64" + kernel


def _config(data: bytes) -> None:
    config = parse_config(data)
    if config is not None:
        for symbol in ("NET", "IP_SET", "DEFAULT_HOSTNAME"):
            config.state(symbol)
            config.text(symbol)
    _whole("config")(data)


def _lists(data: bytes) -> None:
    listed, aliases, told, module = parts(data, 4)
    parse_dep(listed)
    parse_names(listed)
    AliasTable(aliases).modules("net-pf-16-proto-6")
    parse_builtin(told)
    with suppress(AuditError):
        parse_module(module, "ip_set", "module")
    release_version(listed.decode("utf-8", "replace"))


def _module() -> bytes:
    texts = b"alias=ip_set\0depends=nfnetlink\0vermagic=6.1.0 SMP\0description=x\0"
    names = b"\0.modinfo\0.shstrtab\0"
    start = 64
    rows = bytes(64)
    for name, offset, size in ((1, start, len(texts)), (10, start + len(texts), len(names))):
        rows += struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, offset, size, 0, 0, 1, 0)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, start + len(texts) + len(names), 0, 64, 0, 0, 64, 3, 2)
    return head + texts + names + rows


_FACTS = b"""audit-image node-facts 1
@release
 6.1.0-1-amd64

@machine
 x86_64

@node
 worker-1

@modules.dep
 kernel/net/ip_set.ko: kernel/net/nfnetlink.ko

@modules.builtin
 kernel/net/ipv6/ipv6.ko
 kernel/net/ipv4/netfilter/ip_tables.ko
 kernel/net/netfilter/x_tables.ko

@config
 CONFIG_NET=y
 CONFIG_CRYPTO=m

@loaded
 ip_set 57344 2 - Live 0x0

@cpu
 flags : sse4_2 avx2

@end
"""


READERS = {
    "kernel-package": Reader(_whole("package"), lambda: [_deb(), _rpm()], longest=6144),
    "kernel-image": Reader(_whole("vmlinuz"), _images),
    "kernel-config": Reader(_config, lambda: [_TEXT]),
    "kernel-lists": Reader(
        _lists,
        lambda: [joined(b"kernel/a/ip_set.ko.xz: kernel/b.ko\n", b"alias net-pf-16-proto-6 x\nalias ip_set_* y\n",
                        b"ip_set.alias=x\0ip_set.depends=a,b\0", _module())],
    ),
    "node-facts": Reader(_whole("facts"), lambda: [_FACTS]),
}  # fmt: skip
