"""Package databases."""

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing

from auditor.archive.rpmheader import Tag
from auditor.packages import read_packages
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.world import joined, parts, scratch, tree
from tests.packages.rpm_files import header, ndb_file

_HEADER = header(
    {
        Tag.NAME: "ipset", Tag.VERSION: "7.11", Tag.RELEASE: "8.el9", Tag.EPOCH: 1, Tag.ARCH: "x86_64",
        Tag.SOURCERPM: "ipset-7.11-8.el9.src.rpm", Tag.BASENAMES: ["ipset", "doc"], Tag.DIRINDEXES: [0, 1],
        Tag.DIRNAMES: ["/usr/sbin/", "/usr/share/"], Tag.FILEMODES: [0o100755, 0o40755],
        Tag.FILEDIGESTS: ["0" * 64, ""], Tag.FILEDIGESTALGO: 8, Tag.FILEFLAGS: [0, 1], Tag.FILESTATES: [0, 0],
    }
)  # fmt: skip


def _at(*paths: str) -> Callable[[bytes], None]:
    """A reader of databases with a file at each of these paths."""

    def read(data: bytes) -> None:
        files = {path: part for path, part in zip(paths, parts(data, len(paths)), strict=True) if part}
        packages = read_packages(tree({**files, "/usr/sbin/ipset": b"x"}))
        packages.owner("/usr/sbin/ipset")
        packages.named("ipset")
        for package in packages.packages:
            for owned in packages.files(package):
                packages.real_path(owned)
        assert packages.warnings is not None

    return read


def _with_header(data: bytes) -> None:
    """A header in a sound database around it."""
    _at("/var/lib/rpm/Packages.db")(ndb_file([data]))


def _sqlite() -> Iterator[bytes]:
    path = scratch() / "made.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        connection.execute("INSERT INTO Packages (blob) VALUES (?)", (_HEADER,))
        connection.commit()
    yield path.read_bytes()
    log = struct.pack(">8I", 0x377F0682, 3007000, 512, 0, 1, 2, 0, 0)
    yield joined(path.read_bytes(), log + bytes(536))


def bdb(*headers: bytes, order: str = "<") -> bytes:
    """Berkeley DB's hash file, of one bucket and one page that holds all."""
    size = 1024
    items = [b"\1\0\0\0\0", b"\1\1\0\0\0"]
    for number, each in enumerate(headers, 1):
        items += [b"\1" + struct.pack(f"{order}I", number), b"\1" + each]
    body, places = b"", []
    for item in items:
        body = item + body
        places.append(size - len(body))
    page = bytes(8) + struct.pack(f"{order}3I2H2B", 1, 0, 0, len(items), places[-1], 0, 13)
    page += struct.pack(f"{order}{len(items)}H", *places)
    page = page.ljust(size - len(body), b"\0") + body
    first = bytearray(size)
    struct.pack_into(f"{order}4I3B", first, 12, 0x00061561, 9, size, 0, 0, 8, 0)
    struct.pack_into(f"{order}2I3B", first, 16, 9, size, 0, 8, 0)
    struct.pack_into(f"{order}I", first, 32, 1)
    struct.pack_into(f"{order}I", first, 72, 0)
    struct.pack_into(f"{order}32I", first, 96, *([1] * 32))
    return bytes(first) + page


DPKG = b"""Package: ipset
Status: install ok installed
Architecture: amd64
Version: 7.17-1
Source: ipset (7.17)
Conffiles:
 /etc/ipset.conf 0123456789abcdef0123456789abcdef
Description: x
 y

"""
_APK = b"""C:Q1p78yvTLG094tHE1+dToJGbmYzQE=
P:ipset
V:7.17-r0
A:x86_64
o:ipset
L:GPL
F:usr/sbin
M:0:0:755
R:ipset
a:0:0:755
Z:Q1p78yvTLG094tHE1+dToJGbmYzQE=

"""
_MD5 = b"0123456789abcdef0123456789abcdef  usr/sbin/ipset\n"

READERS = {
    "dpkg": Reader(
        _at("/var/lib/dpkg/status", "/var/lib/dpkg/info/ipset.list", "/var/lib/dpkg/info/ipset.md5sums",
            "/var/lib/dpkg/diversions", "/var/lib/dpkg/status.d/ipset"),
        lambda: [joined(DPKG, b"/.\n/usr/sbin/ipset\n", _MD5, b"/usr/sbin/ipset\n/usr/sbin/x\n:\n", DPKG)],
    ),
    "rpm-header": Reader(_with_header, lambda: [_HEADER]),
    "rpm-sqlite": Reader(_at("/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite-wal"), _sqlite, longest=8192),
    "rpm-ndb": Reader(_at("/var/lib/rpm/Packages.db"), lambda: [ndb_file([_HEADER, _HEADER])], longest=8192),
    "rpm-bdb": Reader(_at("/var/lib/rpm/Packages"), lambda: [bdb(_HEADER), bdb(_HEADER, order=">")]),
    "rpmmanifest": Reader(
        _at("/var/lib/rpmmanifest/container-manifest-2", "/var/lib/rpmmanifest/container-manifest-1"),
        lambda: [joined(b"ipset\t7.11-8.azl3\t1\t2\tMicrosoft\t(none)\t3\tx86_64\t0\tipset-7.11-8.azl3.src.rpm\n"),
                 joined(b"", b"ipset-7.11-8.azl3.x86_64\n")],
    ),
    "apk": Reader(_at("/lib/apk/db/installed", "/usr/lib/apk/db/installed"), lambda: [joined(_APK)]),
    "opkg": Reader(
        _at("/usr/lib/opkg/status", "/usr/lib/opkg/info/ipset.list", "/usr/lib/opkg/info/ipset.control"),
        lambda: [joined(DPKG, b"/usr/sbin/ipset\t0755\n", DPKG)],
    ),
}  # fmt: skip
