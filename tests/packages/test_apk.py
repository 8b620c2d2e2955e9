"""What is read from apk's database, in small and from a real Alpine image."""

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from auditor.filetree import FileKind, Node
from auditor.packages import Verdict, read_packages, verify
from tests.packages.trees import TableTree, node

ALPINE = Path(__file__).parents[3] / "shared" / "images" / "alpine-310.tar.gz"


def q1(data: bytes) -> str:
    return "Q1" + base64.b64encode(hashlib.sha1(data).digest()).decode()


INSTALLED = f"""\
C:Q1x6WFRxtCFOJEJVxd3X43cgTKiZQ=
P:busybox
V:1.30.1-r3
A:x86_64
T:Size optimized toolbox
U:https://busybox.net/
L:GPL-2.0
o:busybox
m:Some One <one@example.org>
p:/bin/sh cmd:sh
F:bin
M:0:0:755
R:busybox
a:0:0:755
Z:{q1(b"program")}
R:sh
a:0:0:777
Z:{q1(b"/bin/busybox")}
F:etc
R:securetty
Z:{q1(b"tty1")}
R:odd
Z:Q9zzzz
R:none

P:libmnl
V:1.0.5_git20220404-r1
A:x86_64
o:mnl
F:
R:top
F:usr/lib
R:libmnl.so.0
Z:{q1(b"lib")}

"""


def image(text: str | None = INSTALLED, directory: str = "/lib/apk/db", **more: str | bytes) -> TableTree:
    return TableTree({f"{directory}/installed": text, "/sbin": "-> usr/sbin", **more})


def test_packages_are_listed() -> None:
    packages = read_packages(image())
    busybox, libmnl = packages.packages
    assert (busybox.type, busybox.name, busybox.version, busybox.upstream_version) == (
        "apk",
        "busybox",
        "1.30.1-r3",
        "1.30.1",
    )
    assert (busybox.licence, busybox.homepage, busybox.vendor) == (
        "GPL-2.0",
        "https://busybox.net/",
        "Some One <one@example.org>",
    )
    assert (libmnl.source, libmnl.upstream_version) == ("mnl", "1.0.5_git20220404")
    assert packages.warnings == ()


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/bin/busybox", "busybox"),
        ("/bin/sh", "busybox"),
        ("/usr/lib/libmnl.so.0", "libmnl"),
        ("/top", "libmnl"),
        ("/bin/ls", None),
        ("/bin", None),
    ],
)
def test_files_and_links_are_owned_and_directories_are_not(path: str, owner: str | None) -> None:
    owned = read_packages(image()).owner(path)
    assert (owned.package.name if owned else None) == owner


@pytest.mark.parametrize(
    ("path", "there", "verdict"),
    [
        ("/bin/busybox", node(FileKind.REGULAR, b"program"), Verdict.SAME),
        ("/bin/busybox", node(FileKind.REGULAR, b"another"), Verdict.CHANGED),
        ("/bin/sh", node(FileKind.SYMLINK, target="/bin/busybox"), Verdict.SAME),
        ("/bin/sh", node(FileKind.SYMLINK, target="/bin/dash"), Verdict.CHANGED),
        ("/etc/odd", node(FileKind.REGULAR, b"x"), Verdict.UNKNOWN),
        ("/etc/none", node(FileKind.REGULAR, b"x"), Verdict.UNKNOWN),
    ],
)
def test_content_and_link_targets_are_compared(path: str, there: Node, verdict: Verdict) -> None:
    owned = read_packages(image()).owner(path)
    assert owned is not None
    assert verify(owned, there) is verdict


def test_what_is_in_etc_is_configuration() -> None:
    packages = read_packages(image())
    configuration = {owned.path for owned in packages.files(packages.packages[0]) if owned.configuration}
    assert configuration == {"/etc/securetty", "/etc/odd", "/etc/none"}


@pytest.mark.parametrize("directory", ["/lib/apk/db", "/usr/lib/apk/db"])
def test_both_places_are_looked_at(directory: str) -> None:
    assert len(read_packages(image(directory=directory)).packages) == 2


def test_with_a_merged_usr_the_database_is_read_once() -> None:
    packages = read_packages(TableTree({"/lib": "-> usr/lib", "/usr/lib/apk/db/installed": INSTALLED}))
    assert packages.databases == ("/lib/apk/db/installed",)


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        (image(INSTALLED + "P:x\n\n"), "1 of its paragraphs"),
        (image("x:y\n"), "1 of its paragraphs"),
        (image(INSTALLED.replace("F:bin", "f:f\nF:bin")), "could not install all files of busybox"),
        (image(None), "it is a directory"),
        (TableTree({"/lib/apk/db/scripts.tar": b""}), "it is gone"),
    ],
)
def test_what_cannot_be_read_is_told(tree: TableTree, says: str) -> None:
    packages = read_packages(tree)
    (warning,) = packages.warnings
    assert says in warning.message
    assert not packages.complete


def test_an_empty_database_is_a_database_without_packages() -> None:
    packages = read_packages(image(""))
    assert (packages.packages, packages.complete) == ((), True)


def test_a_real_image_says_what_its_text_says_and_every_file_is_the_packages_own() -> None:
    if not ALPINE.exists():
        pytest.skip("the Alpine image is not at hand")
    nodes, text = alpine()
    packages = read_packages(nodes)
    assert packages.warnings == ()
    lines = text.split("\n")
    assert [package.name for package in packages.packages] == sorted(line[2:] for line in lines if line[:2] == "P:")
    versions = sorted(line[2:] for line in lines if line[:2] == "V:")
    assert sorted(package.version for package in packages.packages) == versions
    files = [owned for package in packages.packages for owned in packages.files(package)]
    assert len(files) == sum(line.startswith("R:") for line in lines)
    verdicts = {}
    for owned in files:
        there = nodes.lstat(owned.path)
        assert there is not None
        verdicts[owned.path] = verify(owned, there)
        assert packages.owner(owned.path) == owned
    assert {path for path, verdict in verdicts.items() if verdict is not Verdict.SAME} == {"/etc/shadow"}  # root's lock


def alpine() -> tuple[TableTree, str]:
    """The one layer of the image as a tree, and its package database's text."""
    table: dict[str, bytes | str | None] = {}
    with tarfile.open(ALPINE) as archive:
        manifest = json.loads(_member(archive, "manifest.json"))
        (layer,) = manifest[0]["Layers"]
        with tarfile.open(fileobj=io.BytesIO(_member(archive, layer))) as members:
            for member in members:
                path = "/" + member.name.strip("/")
                if member.issym():
                    table[path] = f"-> {member.linkname}"
                elif member.isfile():
                    table[path] = _member(members, member.name)
                elif member.isdir() and path != "/":
                    table[path] = None
    text = table["/lib/apk/db/installed"]
    assert isinstance(text, bytes)
    return TableTree(table), text.decode()


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
