"""Real databases, read by this package and by the real rpm: the same packages, paths and attributes."""

from pathlib import Path

import pytest

from auditor.packages import Package, Packages, read_packages
from auditor.packages.rpm import bdb, ndb
from auditor.packages.rpm.header import Tag, parse
from tests.packages.rpm_files import bdb_file, ndb_file, needs, rpm, shared, sqlite_file
from tests.packages.trees import TableTree

FILE_FORMAT = "[%{FILENAMES}\t%{FILEDIGESTS}\t%{FILEMODES}\t%{FILELINKTOS}\n]"


def compare(name: str, data: bytes, directory: Path) -> tuple[int, int]:
    """How many packages and files there are, after finding no difference to what rpm says."""
    needs("rpm")
    (directory / name).write_bytes(data)
    packages = read_packages(TableTree({f"/var/lib/rpm/{name}": data}))
    assert packages.warnings == ()
    listed = rpm(directory, "-qa", "--qf", "%{NAME}\t%{EVR}\t%{ARCH}\t%{SOURCERPM}\t%{VENDOR}\t%{LICENSE}\t%{URL}\n")
    assert sorted(map(_package_line, packages.packages)) == sorted({line.replace("(none)", "") for line in listed})
    files = rpm(directory, "-qa", "--qf", FILE_FORMAT)
    assert set(_file_lines(packages)) == set(files)
    assert sorted({owned.path for package in packages.packages for owned in packages.files(package)}) == sorted(
        {line for line in rpm(directory, "-qal") if line.startswith("/")}
    )
    return len(listed), len(files)


def _package_line(package: Package) -> str:
    source = f"{package.source}-{package.source_version}.src.rpm" if package.source else ""
    parts = (
        package.name,
        package.version,
        package.architecture,
        source,
        package.vendor,
        package.licence,
        package.homepage,
    )
    return "\t".join(parts)


def _file_lines(packages: Packages) -> list[str]:
    return sorted(
        f"{owned.path}\t{owned.digest.partition(':')[2]}\t{owned.mode}\t{owned.target}"
        for package in packages.packages
        for owned in packages.files(package)
    )


@pytest.mark.parametrize(
    ("name", "file", "least"),
    [
        ("Packages", "libuuid-Packages.bdb", 1),
        ("Packages.db", "sle15-bci-Packages.db", 35),
    ],
)
def test_real_databases_say_what_rpm_says(name: str, file: str, least: int, tmp_path: Path) -> None:
    packages, _ = compare(name, shared(file), tmp_path)
    assert packages >= least


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
    packages, _ = compare("Packages", data, tmp_path)
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
    assert _file_lines(from_sqlite) == _file_lines(from_ndb)


def _renamed(blob: bytes) -> bytes:
    """The header with another first letter of its name."""
    name = parse(blob).text(Tag.NAME).encode()
    return blob.replace(b"\0" + name + b"\0", b"\0X" + name[1:] + b"\0", 1)
