"""Real dpkg databases, read by this package and by dpkg's own tools: the same packages, owners and digests."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from auditor.packages import Packages, Verdict, read_packages, verify
from fixtures.build import build_image
from fixtures.workspace import Unavailable
from tests.packages.trees import DirectoryTree

FIELDS = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Maintainer", "db:Status-Status")
FORMAT = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"


def query(admin: Path, *arguments: str, lines: Iterable[str] = ()) -> str:
    if shutil.which("dpkg-query") is None:
        pytest.skip("dpkg-query is not installed")
    command = ["dpkg-query", f"--admindir={admin}", *arguments, *lines]
    done = subprocess.run(command, capture_output=True, check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    return done.stdout.decode("utf-8", "surrogateescape")


def listed_by_dpkg(admin: Path) -> list[tuple[str, ...]]:
    rows = [tuple(line.split("\t")) for line in query(admin, "-W", "-f", FORMAT).splitlines()]
    return sorted(row for row in rows if row[-1] not in ("config-files", "not-installed"))


def listed(packages: Packages) -> list[tuple[str, ...]]:
    return sorted(
        (p.name, p.version, p.architecture, p.source, p.source_version, p.vendor, p.state) for p in packages.packages
    )


def owners_by_dpkg(admin: Path, paths: list[str]) -> dict[str, set[str]]:
    """What `dpkg -S` answers for each path; its patterns are escaped."""
    owners: dict[str, set[str]] = {}
    for start in range(0, len(paths), 2000):
        wanted = [re.sub(r"([*?\[\]\\])", r"\\\1", path) for path in paths[start : start + 2000]]
        for line in query(admin, "-S", "--", lines=wanted).splitlines():
            if not line.startswith("diversion by ") and not line.startswith("local diversion "):
                names, path = line.split(": ", 1)
                owners.setdefault(path, set()).update(name.partition(":")[0] for name in names.split(", "))
    return owners


def compare(root: Path, step: int = 1) -> tuple[int, int]:
    """How many packages and paths there are, after finding no difference to what dpkg says."""
    admin = root / "var/lib/dpkg"
    packages = read_packages(DirectoryTree(root))
    assert packages.warnings == ()
    assert listed(packages) == listed_by_dpkg(admin)
    owners: dict[str, set[str]] = {}
    for package in packages.packages:
        for number, owned in enumerate(packages.files(package)):
            owners.setdefault(owned.path, set()).add(package.name)
            if number % step == 0:
                assert package in {owner.package for owner in packages.owners(owned.place)}
    assert owners == owners_by_dpkg(admin, sorted(owners))
    return len(packages.packages), len(owners)


@pytest.mark.full
def test_this_machine_says_what_its_dpkg_says() -> None:
    if not Path("/var/lib/dpkg/status").exists():
        pytest.skip("no dpkg on this machine")
    assert compare(Path("/"), step=50)[0] > 0


@pytest.mark.parametrize(
    ("suite", "architecture"),
    [
        ("bookworm", "amd64"),
        pytest.param("bullseye", "amd64", marks=pytest.mark.full),
        pytest.param("trixie", "amd64", marks=pytest.mark.full),
        pytest.param("bookworm", "arm64", marks=pytest.mark.full),
        pytest.param("bookworm", "s390x", marks=pytest.mark.full),
        pytest.param("bookworm", "ppc64el", marks=pytest.mark.full),
    ],
)
def test_an_image_of_real_packages_says_what_dpkg_says(suite: str, architecture: str) -> None:
    try:
        root = build_image(suite, architecture).tree
    except Unavailable as error:
        pytest.skip(str(error))
    assert compare(root)[0] > 100
    tree = DirectoryTree(root)
    packages = read_packages(tree)
    verdicts = {}
    for package in packages.packages:
        for owned in packages.files(package):
            there = tree.lstat(owned.place)
            if there is not None and owned.digest:
                verdicts[owned.path] = verify(owned, there)
    assert len(verdicts) > 1000
    changed = {path for path, verdict in verdicts.items() if verdict is not Verdict.SAME}
    assert {path for path in changed if not path.startswith("/etc/")} == set()


@pytest.mark.parametrize("path", ["/bin/ip", "/usr/bin/ip", "/sbin/ip", "/usr/sbin/xtables-nft-multi"])
def test_a_merged_usr_gives_both_spellings_the_same_owner(path: str) -> None:
    try:
        tree = DirectoryTree(build_image("bookworm", "amd64").tree)
    except Unavailable as error:
        pytest.skip(str(error))
    packages = read_packages(tree)
    owned = packages.owner(path)
    assert owned is not None
    twin = packages.owner(path.removeprefix("/usr") if path.startswith("/usr/") else f"/usr{path}")
    assert twin == owned
