"""Real databases, read by this package and by the real rpm: the same packages, paths and attributes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from auditor.archive.rpmheader import Tag, parse
from auditor.packages import read_packages
from auditor.packages.rpm import bdb, ndb
from fixtures.redhat.toolroom import tool_room
from fixtures.workspace import Unavailable
from tests.packages.rpm_files import (
    FILE_FORMAT,
    PACKAGE_FORMAT,
    bdb_file,
    file_lines,
    ndb_file,
    package_lines,
    rpm,
    shared,
    sqlite_file,
)
from tests.packages.trees import TableTree

Ask = Callable[..., list[str]]


@contextmanager
def newest_rpm(name: str, data: bytes) -> Iterator[Ask]:
    """An rpm that reads every kind of database, where the machine's own may not."""
    try:
        with tool_room() as room:
            (room.work / "db").mkdir()
            (room.work / "db" / name).write_bytes(data)
            command = 'rpm --dbpath /work/db "$@" 2>/dev/null'
            yield lambda *arguments: room.run("/bin/sh", "-c", command, "rpm", *arguments).splitlines()
    except Unavailable as error:
        pytest.skip(str(error))


def compare(name: str, data: bytes, ask: Ask) -> tuple[int, int]:
    """How many packages and files there are, after finding no difference to what rpm says."""
    packages = read_packages(TableTree({f"/var/lib/rpm/{name}": data}))
    assert packages.warnings == ()
    listed = ask("-qa", "--qf", PACKAGE_FORMAT)
    assert package_lines(packages) == sorted({line.replace("(none)", "") for line in listed})
    files = ask("-qa", "--qf", FILE_FORMAT)
    assert set(file_lines(packages)) == set(files)
    paths = {owned.path for package in packages.packages for owned in packages.files(package)}
    assert paths == {line for line in ask("-qal") if line.startswith("/")}
    return len(listed), len(files)


def test_a_real_berkeley_database_says_what_rpm_says(tmp_path: Path) -> None:
    data = shared("libuuid-Packages.bdb")
    (tmp_path / "Packages").write_bytes(data)
    assert compare("Packages", data, partial(rpm, tmp_path)) == (1, 7)


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "file", "count"), [("Packages", "libuuid-Packages.bdb", 1), ("Packages.db", "sle15-bci-Packages.db", 35)]
)
def test_real_databases_say_what_the_newest_rpm_says(name: str, file: str, count: int) -> None:
    data = shared(file)
    with newest_rpm(name, data) as ask:
        assert compare(name, data, ask)[0] == count


def real_headers() -> list[bytes]:
    """The package headers of the real databases at hand."""
    found = list(bdb.headers(shared("libuuid-Packages.bdb")))
    return found + list(ndb.headers(shared("sle15-bci-Packages.db")))


@pytest.mark.parametrize("big_endian", [False, True], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("copies", [1, 12])
def test_larger_berkeley_databases_of_real_headers(big_endian: bool, copies: int, tmp_path: Path) -> None:
    headers = real_headers() * copies
    bdb_file(tmp_path / "Packages", headers, big_endian=big_endian)
    data = (tmp_path / "Packages").read_bytes()
    assert sorted(bdb.headers(data)) == sorted(headers)
    packages, _ = compare("Packages", data, partial(rpm, tmp_path))
    assert packages == len(headers)


def test_a_header_that_fails_its_digest_is_passed_over_as_rpm_does(tmp_path: Path) -> None:
    headers = real_headers()
    damaged = [_renamed(headers[0]), *headers[1:]]
    bdb_file(tmp_path / "Packages", damaged, big_endian=False)
    packages = read_packages(TableTree({"/var/lib/rpm/Packages": (tmp_path / "Packages").read_bytes()}))
    assert len(packages.packages) == len(headers) - 1
    assert "1 of its entries" in packages.warnings[0].message
    assert sorted(package.name for package in packages.packages) == sorted(rpm(tmp_path, "-qa", "--qf", "%{NAME}\n"))


def test_the_same_headers_in_sqlite_and_ndb(tmp_path: Path) -> None:
    headers = real_headers()
    sqlite_file(tmp_path / "rpmdb.sqlite", headers)
    from_sqlite = read_packages(TableTree({"/var/lib/rpm/rpmdb.sqlite": (tmp_path / "rpmdb.sqlite").read_bytes()}))
    from_ndb = read_packages(TableTree({"/var/lib/rpm/Packages.db": ndb_file(headers)}))
    assert from_sqlite.packages == from_ndb.packages
    assert file_lines(from_sqlite) == file_lines(from_ndb)


def _renamed(blob: bytes) -> bytes:
    """The header with another first letter of its name."""
    name = parse(blob).text(Tag.NAME).encode()
    return blob.replace(b"\0" + name + b"\0", b"\0X" + name[1:] + b"\0", 1)
