"""Images of Red Hat shape with databases that the real rpm made: it is asked the same questions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from auditor.filetree import FileKind
from auditor.packages import Packages, Verdict, read_packages, verify
from fixtures import tree as disk
from fixtures.redhat.build import build_redhat
from fixtures.redhat.room import Room
from fixtures.redhat.toolroom import tool_room
from fixtures.workspace import Unavailable
from tests.packages.rpm_files import FILE_FORMAT, PACKAGE_FORMAT, file_lines, package_lines
from tests.packages.trees import DirectoryTree

pytestmark = pytest.mark.full

INDEXED = ("redhat", "redhat-ndb", "redhat-clean", "redhat-ping-unowned", "redhat-libmnl-changed")
SHAPES = (*INDEXED, "redhat-bdb", "redhat-bdb-big-endian")  # rpm finds no owner in these: db_load makes no indexes


@dataclass(frozen=True)
class Judge:
    """The real rpm, for one image."""

    room: Room
    place: str

    def ask(self, *arguments: str) -> list[str]:
        """Its answer's lines; it fails where something is not as it was, and says so on standard output."""
        command = f'rpm --root /work/root --define "_dbpath {self.place}" "$@" 2>/dev/null; true'
        return self.room.run("/bin/sh", "-c", command, "rpm", *arguments).splitlines()


@contextmanager
def judged(shape: str) -> Iterator[tuple[DirectoryTree, Packages, Judge]]:
    try:
        root = build_redhat(shape).tree
        with tool_room() as room:
            disk.clone(root, room.work / "root")
            place = "/usr/lib/sysimage/rpm" if (root / "usr/lib/sysimage/rpm").is_dir() else "/var/lib/rpm"
            tree = DirectoryTree(root)
            yield tree, read_packages(tree), Judge(room, place)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("shape", SHAPES)
def test_packages_and_files_are_those_that_rpm_lists(shape: str) -> None:
    with judged(shape) as (_, packages, judge):
        assert packages.warnings == ()
        listed = judge.ask("-qa", "--qf", PACKAGE_FORMAT)
        assert package_lines(packages) == sorted(line.replace("(none)", "") for line in listed)
        assert file_lines(packages) == sorted(judge.ask("-qa", "--qf", FILE_FORMAT))
        assert len(listed) > 50


@pytest.mark.parametrize("shape", INDEXED)
def test_every_program_library_and_plugin_is_owned_as_rpm_says(shape: str) -> None:
    with judged(shape) as (tree, packages, judge):
        folders = (
            "/usr/bin",
            "/usr/sbin",
            "/usr/lib64",
            "/usr/lib64/xtables",
            "/usr/local/bin",
            "/etc",
            "/bin",
            "/sbin",
        )
        paths = [f"{folder}/{name}" for folder in folders for name in tree.listdir(folder)]
        answers = judge.ask("-qf", "--qf", "%{NAME}\n", *paths)
        assert len(answers) == len(paths) > 300
        expected = {path: "" if "not owned" in answer else answer for path, answer in zip(paths, answers, strict=True)}
        owned = {path: packages.owner(path) for path in paths}
        assert {path: one.package.name if one else "" for path, one in owned.items()} == expected
        assert "" in expected.values()


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_gone_or_changed_is_what_rpm_finds(shape: str) -> None:
    with judged(shape) as (tree, packages, judge):
        expected = {}
        for line in judge.ask("-Va", "--nodeps", "--noscripts"):
            flags, path = line.split(" ", 1)[0], line[line.index("/") :].strip()
            if flags == "missing":
                expected[path.split(" (")[0]] = "missing"
            elif "5" in flags or "L" in flags:
                expected[path] = "changed"
        assert dict(_drift(tree, packages)) == expected


def _drift(tree: DirectoryTree, packages: Packages) -> Iterator[tuple[str, str]]:
    for package in packages.packages:
        for owned in packages.files(package):
            node = tree.lstat(owned.path)
            if node is None and not owned.optional:
                yield owned.path, "missing"
            elif node is not None and verify(owned, node) is Verdict.CHANGED:
                yield owned.path, "changed"
            elif node is not None and node.kind is FileKind.REGULAR:
                assert verify(owned, node) is Verdict.SAME


def test_iputils_is_told_apart_both_ways() -> None:
    """Listed but its program gone, and the program there but in no package."""
    with judged("redhat-clean") as (tree, packages, _):
        owned = packages.owner("/usr/bin/ping")
        assert owned is not None
        assert owned.package.name == "iputils"
        assert tree.lstat("/usr/bin/ping") is None
    with judged("redhat-ping-unowned") as (tree, packages, _):
        assert packages.owner("/usr/bin/ping") is None
        assert tree.lstat("/usr/bin/ping") is not None
        assert "iputils" not in {package.name for package in packages.packages}
        assert packages.complete


def test_the_legacy_flavour_is_of_no_package() -> None:
    with judged("redhat") as (_, packages, _judge):
        for path in ("/usr/sbin/xtables-legacy-multi", "/usr/lib64/libip4tc.so.2", "/usr/sbin/iptables-legacy"):
            assert packages.owner(path) is None


@pytest.mark.parametrize("shape", ["redhat", "redhat-clean"])
def test_an_image_in_one_layer_has_the_same_packages(shape: str) -> None:
    try:
        layered, flat = build_redhat(shape), build_redhat(shape, flat=True)
    except Unavailable as error:
        pytest.skip(str(error))
    assert len(flat.layers) == 1
    assert read_packages(DirectoryTree(layered.tree)).packages == read_packages(DirectoryTree(flat.tree)).packages
    assert {path for path in layered.merged() if path} == {path for path in flat.merged() if path}


def test_a_damaged_database_is_told_and_a_deleted_one_is_none() -> None:
    try:
        damaged = read_packages(DirectoryTree(build_redhat("redhat-database-damaged").tree))
        deleted = read_packages(DirectoryTree(build_redhat("redhat-database-deleted").tree))
    except Unavailable as error:
        pytest.skip(str(error))
    assert damaged.warnings
    assert not damaged.complete
    assert (deleted.packages, deleted.warnings, deleted.complete) == ((), (), False)
