"""Databases that are made to cost memory and time: each ends in few steps, by a limit with its name or a warning."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.archive.rpmheader import Tag
from auditor.budget import DEFAULT, Budget
from auditor.errors import LimitExceeded
from auditor.kernel.bootimage import LIMIT
from auditor.kernel.source.open import open_source
from auditor.packages import read_packages
from tests.packages.rpm_files import header, ndb_file, sqlite_file
from tests.packages.trees import TableTree

DPKG, RPM, OPKG = "/var/lib/dpkg", "/var/lib/rpm", "/usr/lib/opkg"
MANY = 1000
SMALL = replace(DEFAULT, packages=MANY, package_files=MANY, database=1 << 20)
DEB = "Package: a{0}\nVersion: 1\n\n"


def rpm_header(name: str) -> bytes:
    return header({Tag.NAME: name, Tag.VERSION: "1", Tag.RELEASE: "1"})


def times(text: str) -> str:
    return "".join(text.format(number) for number in range(MANY + 1))


TOO_MANY: dict[str, tuple[dict[str, bytes | str | None], str]] = {
    "dpkg packages": ({f"{DPKG}/status": times(DEB)}, "packages"),
    "one dpkg package often": ({f"{DPKG}/status": DEB.format(1) * (MANY + 1)}, "packages"),
    "status.d": ({f"{DPKG}/status.d/{number}": DEB.format(number) for number in range(MANY + 1)}, "packages"),
    "dpkg paths": ({f"{DPKG}/status": DEB.format(""), f"{DPKG}/info/a.list": times("/{0}\n")}, "package-files"),
    "dpkg text": ({f"{DPKG}/status": "A:\n" * (1 << 20)}, "database"),
    "apk packages": ({"/lib/apk/db/installed": times("P:a{0}\nV:1\n\n")}, "packages"),
    "apk paths": ({"/lib/apk/db/installed": "P:a\nV:1\nF:usr\n" + times("R:{0}\n")}, "package-files"),
    "opkg packages": ({f"{OPKG}/status": times(DEB)}, "packages"),
    "rpm packages": ({f"{RPM}/Packages.db": ndb_file([rpm_header(f"a{n}") for n in range(MANY + 1)])}, "packages"),
    "one rpm package often": ({f"{RPM}/Packages.db": ndb_file([rpm_header("a")] * (MANY + 1))}, "packages"),
    "rpm bytes": ({f"{RPM}/Packages.db": bytes(2 << 20)}, "database"),
    "manifest": ({"/var/lib/rpmmanifest/container-manifest-1": times("a-1-{0}.noarch\n")}, "packages"),
}


@pytest.mark.parametrize("case", TOO_MANY)
def test_past_a_limit_its_name_is_told(case: str) -> None:
    table, name = TOO_MANY[case]
    with pytest.raises(LimitExceeded, match=f"--limit {name}=NUMBER"):
        read_packages(TableTree(table), Budget(SMALL)).owner("/usr/bin/ip")


@pytest.mark.parametrize(
    ("tags", "says"),
    [([(Tag.NAME, 6, 1 << 30, 1)], "1 of its entries"), ([(Tag.BASENAMES, 8, 0, 500_001)], "1 of its entries")],
    ids=["no offset in range", "a list without end"],
)
def test_a_hostile_header_is_passed_over(tags: list[tuple[int, int, int, int]], says: str) -> None:
    blob = struct.pack(">2I", len(tags), 4) + b"".join(struct.pack(">4I", *tag) for tag in tags) + b"a\0\0\0"
    packages = read_packages(TableTree({f"{RPM}/Packages.db": ndb_file([blob, rpm_header("good")])}))
    assert [package.name for package in packages.packages] == ["good"]
    assert any(says in warning.message for warning in packages.warnings)


def test_ownership_of_a_name_that_many_packages_have() -> None:
    """Each asks for its own packages only."""
    table: dict[str, bytes | str | None] = {f"{DPKG}/status": times(DEB), "/usr/bin/tool": b"x"}
    table |= {f"{DPKG}/info/a{number}.list": f"/usr/share/a{number}/tool\n" for number in range(MANY)}
    table[f"{DPKG}/info/a{MANY}.list"] = "/usr/bin/tool\n"
    packages = read_packages(TableTree(table))
    (owned,) = packages.owners("/usr/bin/tool")
    assert owned.package.name == f"a{MANY}"
    assert len(packages.named("tool")) == MANY + 1
    assert all(len(packages.files(package)) == 1 for package in packages.packages)


SCRIPT = """
import re, sys
from pathlib import Path
from auditor.errors import AuditError
from auditor.packages import read_packages
from tests.packages.trees import DirectoryTree
try:
    found = read_packages(DirectoryTree(Path(sys.argv[1])))
    found.owners("/usr/bin/ip")
except AuditError:
    pass
# getrusage(2) counts what the parent had before execve(2) as well.
print(int(re.search(r"VmHWM: *\\t* *([0-9]+)", Path("/proc/self/status").read_text())[1]) >> 10)
"""


@pytest.mark.full
@pytest.mark.parametrize("case", ["sparse sqlite", "packages in sqlite", "sparse ndb", "lines"])
def test_memory_is_bounded(case: str, tmp_path: Path) -> None:
    """Peak memory in MiB of a process that reads the database."""
    directory = tmp_path / ("var/lib/dpkg" if case == "lines" else "var/lib/rpm")
    directory.mkdir(parents=True)
    if case == "packages in sqlite":
        sqlite_file(directory / "rpmdb.sqlite", [rpm_header(f"a{number}") for number in range(200_000)])
    elif case == "lines":
        (directory / "status").write_text("Package: a\nVersion: 1\n" + "A:\n" * 5_000_000)
    else:
        sqlite = case == "sparse sqlite"
        with (directory / ("rpmdb.sqlite" if sqlite else "Packages.db")).open("wb") as file:
            file.write(b"SQLite format 3\0" if sqlite else struct.pack("<4s4I12x", b"RpmP", 0, 1, 39_000, 2))
            file.truncate(1 << 30 if sqlite else 159 << 20)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 512


def test_a_config_that_inflates_without_end(tmp_path: Path) -> None:
    path = tmp_path / "config.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range((LIMIT >> 20) + 2):
            file.write(bytes(1 << 20))
    with pytest.raises(LimitExceeded):
        open_source(path)
