"""What is read from RPM's databases, in each of the three shapes, whole, damaged and hostile."""

import posixpath
import random
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.archive.rpmheader import Tag
from auditor.filetree import FileKind, Node
from auditor.packages import Packages, Verdict, read_packages, verify
from tests.packages.rpm_files import Value, bdb_file, header, ndb_file, sqlite_file
from tests.packages.trees import TableTree, node

IPROUTE: dict[Tag, Value] = {
    Tag.NAME: "iproute",
    Tag.VERSION: "6.2.0",
    Tag.RELEASE: "5.el9",
    Tag.EPOCH: 1,
    Tag.ARCH: "x86_64",
    Tag.VENDOR: "Red Hat, Inc.",
    Tag.LICENSE: "GPLv2+",
    Tag.URL: "https://example.org/",
    Tag.SOURCERPM: "iproute-6.2.0-5.el9.src.rpm",
    Tag.BASENAMES: ["ip", "iproute2", "ip-link", "bpf.conf", "state", "other"],
    Tag.DIRNAMES: ["/usr/sbin/", "/etc/", "/usr/lib64/"],
    Tag.DIRINDEXES: [0, 1, 0, 1, 1, 2],
    Tag.FILEDIGESTS: ["bb9af5d1915da1fbc132ced081325efcd2e63e4804f96890f42e9739677237a4", "", "", "00", "", ""],
    Tag.FILEMODES: [stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777, 0o100644, 0o100644, 0o100644],
    Tag.FILELINKTOS: ["", "", "ip", "", "", ""],
    Tag.FILEFLAGS: [0, 0, 0, 1 | 16, 64, 0],
    Tag.FILESTATES: [0, 0, 0, 0, 0, 2],
    Tag.FILEDIGESTALGO: 8,
}
KEY: dict[Tag, Value] = {
    Tag.NAME: "gpg-pubkey",
    Tag.VERSION: "fd431d51",
    Tag.RELEASE: "4ae0493b",
    Tag.SOURCERPM: "(none)",
}
OLD: dict[Tag, Value] = {Tag.NAME: "old", Tag.VERSION: "1", Tag.RELEASE: "2", Tag.OLDFILENAMES: ["/usr/bin/old"]}
HEADERS = [header(IPROUTE), header(KEY), header(OLD)]


def sqlite_bytes(directory: Path, headers: list[bytes]) -> bytes:
    sqlite_file(directory / "file", headers)
    return (directory / "file").read_bytes()


def bdb_bytes(directory: Path, headers: list[bytes]) -> bytes:
    bdb_file(directory / "file", headers, big_endian=False)
    return (directory / "file").read_bytes()


SHAPES: dict[str, Callable[[Path, list[bytes]], bytes]] = {
    "rpmdb.sqlite": sqlite_bytes,
    "Packages.db": lambda _, headers: ndb_file(headers),
    "Packages": bdb_bytes,
}
shapes = pytest.mark.parametrize("name", SHAPES)


def image(name: str, data: bytes, **more: str | bytes | None) -> TableTree:
    return TableTree({f"/var/lib/rpm/{name}": data, "/sbin": "-> usr/sbin", "/usr/sbin/ip": "ip", **more})


def small(name: str, directory: Path) -> Packages:
    return read_packages(image(name, SHAPES[name](directory, HEADERS)))


@shapes
def test_packages_are_listed_as_rpm_lists_them(name: str, tmp_path: Path) -> None:
    packages = small(name, tmp_path)
    assert packages.warnings == ()
    assert packages.complete
    key, iproute, old = packages.packages
    assert (key.name, key.version, key.architecture, key.source) == ("gpg-pubkey", "fd431d51-4ae0493b", "", "")
    assert (iproute.version, iproute.upstream_version, iproute.architecture) == ("1:6.2.0-5.el9", "6.2.0", "x86_64")
    assert (iproute.vendor, iproute.licence, iproute.homepage) == ("Red Hat, Inc.", "GPLv2+", "https://example.org/")
    assert (iproute.source, iproute.source_version) == ("iproute", "6.2.0-5.el9")
    assert old.version == "1-2"


@shapes
def test_files_carry_what_the_database_says(name: str, tmp_path: Path) -> None:
    packages = small(name, tmp_path)
    files = {owned.path: owned for owned in packages.files(packages.packages[1])}
    assert list(files) == sorted(files)
    ip = files["/usr/sbin/ip"]
    assert (ip.digest, ip.mode, ip.optional) == (f"sha256:{IPROUTE[Tag.FILEDIGESTS][0]}", 0o100755, False)  # type: ignore[index]
    assert (files["/usr/sbin/ip-link"].target, files["/usr/sbin/ip-link"].digest) == ("ip", "")
    assert files["/etc/bpf.conf"].configuration
    assert not files["/etc/iproute2"].configuration
    assert files["/etc/state"].optional
    assert files["/usr/lib64/other"].optional


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/usr/sbin/ip", "iproute"),
        ("/sbin/ip", "iproute"),
        ("/usr/sbin/ip-link", "iproute"),
        ("/etc/iproute2", "iproute"),
        ("/usr/bin/old", "old"),
        ("/usr/lib64/other", None),
        ("/usr/sbin", None),
        ("/usr/bin/ip", None),
    ],
)
def test_a_path_is_owned_as_rpm_says(path: str, owner: str | None) -> None:
    owned = read_packages(image("Packages.db", ndb_file(HEADERS))).owner(path)
    assert (owned.package.name if owned else None) == owner


@pytest.mark.parametrize(
    ("path", "there", "verdict"),
    [
        ("/usr/sbin/ip", node(FileKind.REGULAR, b"ip\n"), Verdict.CHANGED),
        ("/usr/sbin/ip", node(FileKind.REGULAR, b"ip"), Verdict.SAME),
        ("/usr/sbin/ip", node(FileKind.SYMLINK, target="busybox"), Verdict.CHANGED),
        ("/usr/sbin/ip-link", node(FileKind.SYMLINK, target="ip"), Verdict.SAME),
        ("/usr/sbin/ip-link", node(FileKind.SYMLINK, target="/bin/ip"), Verdict.CHANGED),
        ("/usr/sbin/ip-link", node(FileKind.REGULAR, b"ip"), Verdict.CHANGED),
        ("/etc/iproute2", node(FileKind.DIRECTORY), Verdict.UNKNOWN),
        ("/etc/iproute2", node(FileKind.REGULAR, b""), Verdict.CHANGED),
        ("/etc/state", node(FileKind.REGULAR, b"x"), Verdict.UNKNOWN),
        ("/usr/bin/old", node(FileKind.REGULAR, b"x"), Verdict.UNKNOWN),
    ],
)
def test_content_kind_and_link_target_are_compared(path: str, there: Node, verdict: Verdict) -> None:
    owned = read_packages(image("Packages.db", ndb_file(HEADERS))).owner(path)
    assert owned is not None
    assert verify(owned, there) is verdict


def test_a_digest_of_an_unknown_algorithm_vouches_for_nothing() -> None:
    strange = header({**IPROUTE, Tag.FILEDIGESTALGO: 99})
    owned = read_packages(image("Packages.db", ndb_file([strange]))).owner("/usr/sbin/ip")
    assert owned is not None
    assert verify(owned, node(FileKind.REGULAR, b"ip")) is Verdict.UNKNOWN


def test_digests_without_an_algorithm_are_md5() -> None:
    tags: dict[Tag, Value] = {tag: value for tag, value in IPROUTE.items() if tag is not Tag.FILEDIGESTALGO}
    old = header({**tags, Tag.FILEDIGESTS: ["957b527bcfbad2e80f58d20683931435", "", "", "", "", ""]})
    owned = read_packages(image("Packages.db", ndb_file([old]))).owner("/usr/sbin/ip")
    assert owned is not None
    assert verify(owned, node(FileKind.REGULAR, b"ip")) is Verdict.SAME


@pytest.mark.parametrize("directory", ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"])
def test_every_place_is_looked_at(directory: str) -> None:
    packages = read_packages(TableTree({f"{directory}/Packages.db": ndb_file(HEADERS)}))
    assert len(packages.packages) == 3
    assert packages.databases == (f"{directory}/Packages.db",)


def test_a_database_behind_a_link_is_read_once() -> None:
    packages = read_packages(
        TableTree(
            {"/var/lib/rpm": "-> ../../usr/lib/sysimage/rpm", "/usr/lib/sysimage/rpm/Packages.db": ndb_file(HEADERS)}
        )
    )
    assert packages.databases == ("/var/lib/rpm/Packages.db",)
    assert len(packages.owners("/usr/bin/old")) == 1


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_berkeley_databases_of_either_byte_order_and_any_page_size(
    big_endian: bool, page_size: int, tmp_path: Path
) -> None:
    headers = [header({**IPROUTE, Tag.NAME: f"p{number:04}"}) for number in range(300)]
    bdb_file(tmp_path / "Packages", headers, big_endian=big_endian, page_size=page_size)
    packages = read_packages(image("Packages", (tmp_path / "Packages").read_bytes()))
    assert packages.warnings == ()
    assert [package.name for package in packages.packages] == [f"p{number:04}" for number in range(300)]


@pytest.mark.parametrize("count", [2, 3, 500])
def test_what_is_only_in_the_write_ahead_log_counts(count: int, tmp_path: Path) -> None:
    headers = [header({**IPROUTE, Tag.NAME: f"p{number:04}"}) for number in range(count)]
    sqlite_file(tmp_path / "rpmdb.sqlite", headers, checkpoint=False)
    database = (tmp_path / "rpmdb.sqlite").read_bytes()
    log = (tmp_path / "rpmdb.sqlite-wal").read_bytes()
    without = read_packages(image("rpmdb.sqlite", database))
    assert len(without.packages) == count // 2
    packages = read_packages(image("rpmdb.sqlite", database, **{"/var/lib/rpm/rpmdb.sqlite-wal": log}))
    assert [package.name for package in packages.packages] == [f"p{number:04}" for number in range(count)]
    assert packages.warnings == ()
    torn = read_packages(image("rpmdb.sqlite", database, **{"/var/lib/rpm/rpmdb.sqlite-wal": log[:-1]}))
    assert len(torn.packages) == count // 2  # SQLite takes no commit whose last page is not whole


def test_an_empty_write_ahead_log_changes_nothing(tmp_path: Path) -> None:
    database = sqlite_bytes(tmp_path, HEADERS)
    packages = read_packages(image("rpmdb.sqlite", database, **{"/var/lib/rpm/rpmdb.sqlite-wal": b""}))
    assert len(packages.packages) == 3
    assert packages.warnings == ()


@pytest.mark.parametrize(
    ("files", "path", "says"),
    [
        ({"Packages": b""}, "/var/lib/rpm/Packages", "no Berkeley DB hash file"),
        ({"Packages.db": b"RpmP"}, "/var/lib/rpm/Packages.db", "damaged after 0 packages"),
        ({"rpmdb.sqlite": b"SQLite format 3\0" + bytes(84)}, "/var/lib/rpm/rpmdb.sqlite", "damaged after 0 packages"),
        ({"rpmdb.sqlite": "-> gone"}, "/var/lib/rpm/rpmdb.sqlite", "dangling link"),
        ({"Packages.db": None}, "/var/lib/rpm/Packages.db", "it is a directory"),
        ({"../rpm": "-> gone"}, "/var/lib/rpm", "a link to nothing"),
        ({"Index.db": b"x"}, "/var/lib/rpm", "its indexes are still there"),
        ({"Basenames": b"x"}, "/var/lib/rpm", "its indexes are still there"),
    ],
)
def test_a_damaged_or_half_deleted_database_is_told(files: dict[str, bytes | str | None], path: str, says: str) -> None:
    packages = read_packages(
        TableTree({posixpath.normpath(f"/var/lib/rpm/{name}"): data for name, data in files.items()})
    )
    (warning,) = packages.warnings
    assert (packages.packages, packages.complete) == ((), False)
    assert warning.path == path
    assert says in warning.message


def test_an_entry_that_is_no_header_is_told_and_the_others_are_read() -> None:
    packages = read_packages(image("Packages.db", ndb_file([HEADERS[0], b"nonsense", HEADERS[2]])))
    assert [package.name for package in packages.packages] == ["iproute", "old"]
    (warning,) = packages.warnings
    assert "1 of its entries" in warning.message
    assert not packages.complete


def test_what_comes_before_the_damage_is_kept() -> None:
    data = bytearray(ndb_file(HEADERS))
    data[-20] ^= 1
    packages = read_packages(image("Packages.db", bytes(data)))
    assert [package.name for package in packages.packages] == ["gpg-pubkey", "iproute"]
    assert "another checksum" in packages.warnings[0].message


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW Packages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
        " SELECT i AS hnum, x'00' AS blob FROM n",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob AS (zeroblob(900000000)))",
        "CREATE TABLE Other (hnum INTEGER)",
    ],
)
def test_a_hostile_schema_is_damage(schema: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "rpmdb.sqlite")
    connection.execute(schema)
    if "zeroblob" in schema:
        connection.execute("INSERT INTO Packages (hnum) VALUES (1)")
    connection.commit()
    connection.close()
    packages = read_packages(image("rpmdb.sqlite", (tmp_path / "rpmdb.sqlite").read_bytes()))
    assert packages.packages == ()
    assert "damaged after 0 packages" in packages.warnings[0].message


def test_a_row_that_claims_more_than_memory_is_damage() -> None:
    page = bytearray(b"SQLite format 3\0".ljust(512, b"\0"))
    page[16:24] = b"\2\0\1\1\0\x40\x20\x20"  # pages of 512 bytes
    page[100:110] = b"\x0d\0\0\0\1\0\0\0\1\x8f"  # a leaf of one cell, at 399
    page[399:410] = b"\xff" * 8 + b"\x6c\1\x74"  # of nearly 2**63 bytes
    packages = read_packages(image("rpmdb.sqlite", bytes(page) + bytes(512)))
    assert packages.packages == ()
    assert "damaged after 0 packages" in packages.warnings[0].message


def test_a_header_cannot_claim_more_than_it_has() -> None:
    tags = {**IPROUTE, Tag.DIRINDEXES: [0, 1, 9, 2**32 - 1, 0, 0]}
    packages = read_packages(image("Packages.db", ndb_file([header(tags)])))
    assert packages.owner("/usr/sbin/ip") is not None
    assert packages.owner("/ip-link") is None


@shapes
def test_flipped_and_missing_bytes_never_break_the_reading(name: str, tmp_path: Path) -> None:
    whole = SHAPES[name](tmp_path, [header({**IPROUTE, Tag.NAME: f"p{n}"}) for n in range(20)])
    chance = random.Random(1)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        packages = read_packages(image(name, bytes(data)))
        for package in packages.packages:
            packages.files(package)
        packages.owners("/usr/sbin/ip")
