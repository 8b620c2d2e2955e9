"""The list that Azure Linux' distroless images have in place of an RPM database, written by the real rpm."""

from pathlib import Path

import pytest

from auditor.inventory.keep import keep
from auditor.packages import read_packages
from tests.packages.rpm_files import needs, rpm, shared
from tests.packages.trees import TableTree

_TAGS = "NAME VERSION INSTALLTIME BUILDTIME VENDOR EPOCH SIZE ARCH EPOCHNUM SOURCERPM"
COLUMNS = "\t".join(f"%{{{tag}}}" for tag in _TAGS.split()).replace("%{VERSION}", "%{VERSION}-%{RELEASE}") + "\n"
DIRECTORY = "/var/lib/rpmmanifest"
ROWS = (
    "openssl\t3.3.3-2.azl3\t1741234567\t1740000000\tMicrosoft Corporation\t(none)\t1200\tx86_64\t0"
    "\topenssl-3.3.3-2.azl3.src.rpm\n"
    "shadow-utils\t4.14.3-1.azl3\t1741234567\t1740000000\tMicrosoft Corporation\t2\t1200\tx86_64\t2"
    "\tshadow-utils-4.14.3-1.azl3.src.rpm\n"
)


def test_what_rpm_prints_is_what_its_database_says(tmp_path: Path) -> None:
    needs("rpm")
    data = shared("libuuid-Packages.bdb")
    (tmp_path / "Packages").write_bytes(data)
    printed = "\n".join(rpm(tmp_path, "-qa", "--qf", COLUMNS))
    plain = "\n".join(rpm(tmp_path, "-qa"))
    (known,) = read_packages(TableTree({"/var/lib/rpm/Packages": data})).packages
    (listed,) = read_packages(TableTree({f"{DIRECTORY}/container-manifest-2": printed})).packages
    fields = ("type", "name", "version", "architecture", "upstream_version", "source", "source_version", "vendor")
    assert [getattr(listed, name) for name in fields] == [getattr(known, name) for name in fields]
    (named,) = read_packages(TableTree({f"{DIRECTORY}/container-manifest-1": plain})).packages
    assert [getattr(named, name) for name in fields[:5]] == [getattr(known, name) for name in fields[:5]]


def test_packages_are_known_and_their_files_are_not() -> None:
    packages = read_packages(
        TableTree({f"{DIRECTORY}/container-manifest-2": ROWS, f"{DIRECTORY}/container-manifest-1": "a-1-1.x86_64"})
    )
    assert [(package.name, package.version) for package in packages.packages] == [
        ("openssl", "3.3.3-2.azl3"),
        ("shadow-utils", "2:4.14.3-1.azl3"),
    ]
    assert packages.databases == (f"{DIRECTORY}/container-manifest-2",)
    assert not packages.complete  # nobody knows whether a path is owned
    assert packages.owner("/usr/bin/openssl") is None


def test_a_database_goes_before_the_list() -> None:
    table = {
        "/var/lib/rpm/Packages": shared("libuuid-Packages.bdb"),
        f"{DIRECTORY}/container-manifest-2": ROWS.encode(),
    }
    assert len(read_packages(TableTree(table)).packages) == 1


@pytest.mark.parametrize("text", ["nothing\n", "a\tb\n", "\t1-1" + "\t" * 8 + "\n"])
def test_a_line_of_no_package_is_told(text: str) -> None:
    packages = read_packages(TableTree({f"{DIRECTORY}/container-manifest-2": ROWS + text}))
    assert len(packages.packages) == 2
    assert any("1 of its lines" in warning.message for warning in packages.warnings)


def test_the_lists_are_kept_while_the_image_goes_by() -> None:
    for name in ("container-manifest-1", "container-manifest-2"):
        assert keep(f"{DIRECTORY}/{name}", 0o644, 100_000, b"bash")
