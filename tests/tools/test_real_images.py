"""What the real programs of Debian's packages say of themselves, when they run, is what their bytes are read as."""

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache

import pytest

from auditor.elf.read.file import ElfFile, NotElf, read_elf
from auditor.filetree import Content, FileKind
from auditor.tools.catalogue import tools_of
from auditor.tools.extensions import ExtensionSearch, built_in_extensions, search_extensions
from auditor.tools.identify import identify, read_signs
from auditor.tools.link_types import known_link_types
from auditor.tools.loaded import load
from auditor.tools.model import Identity
from auditor.tools.set_types import set_types
from fixtures.build import build_image
from fixtures.image import BuiltImage
from fixtures.inside import Command, run_inside
from fixtures.oracle import oracle
from fixtures.workspace import Unavailable
from tests.packages.trees import DirectoryTree

FULL = [
    pytest.param(suite, architecture, marks=pytest.mark.full)
    for suite in ("bullseye", "bookworm", "trixie", "sid")
    for architecture in ("amd64", "arm64", "ppc64el", "s390x")
    if (suite, architecture) != ("bookworm", "amd64")
]
IMAGES = pytest.mark.parametrize(("suite", "architecture"), [("bookworm", "amd64"), *FULL])
NATIVE = pytest.mark.parametrize(
    ("suite", "architecture"),
    [("bookworm", "amd64"), *(pytest.param(suite, "amd64", marks=pytest.mark.full) for suite in ("trixie", "sid"))],
)


@cache
def image(suite: str, architecture: str) -> BuiltImage:
    try:
        return build_image(suite, architecture)
    except Unavailable as reason:
        pytest.skip(str(reason))


@cache
def tree(suite: str, architecture: str) -> DirectoryTree:
    return DirectoryTree(image(suite, architecture).tree)


def content(root: DirectoryTree, path: str) -> tuple[str, Content]:
    found = root.find(path)
    assert found.node is not None
    assert found.node.content is not None
    return found.path, found.node.content


def library(root: DirectoryTree, pattern: str) -> tuple[str, Content, ElfFile]:
    """The library of that soname, wherever Debian keeps the architecture's."""
    for folder in root.listdir("/usr/lib"):
        for name in root.listdir(f"/usr/lib/{folder}"):
            if fnmatchcase(name, pattern):
                path, bytes_ = content(root, f"/usr/lib/{folder}/{name}")
                elf = read_elf(bytes_)
                assert isinstance(elf, ElfFile)
                return path, bytes_, elf
    raise AssertionError(f"no {pattern}")


def told(root: DirectoryTree, path: str) -> Identity:
    real, bytes_ = content(root, path)
    return identify(posixpath.basename(path), real, bytes_, read_elf(bytes_), lambda soname: library(root, soname)[:2])


@IMAGES
def test_versions_and_flavours_are_what_the_tools_print(suite: str, architecture: str) -> None:
    root, asked = tree(suite, architecture), oracle(image(suite, architecture)).tools
    answers = {name: (answer.version, answer.flavour) for name, answer in asked.items() if tools_of(name)}
    mine = {name: told(root, asked[name].path) for name in answers}
    assert {name: (identity.version or "", identity.flavour or "") for name, identity in mine.items()} == answers
    assert {name: identity.tool for name, identity in mine.items()} == {name: tools_of(name)[0] for name in answers}
    assert {"iptables", "ip6tables-nft-save", "ipset", "ping", "arping", "tracepath", "ip", "tc", "ss", "bridge"} < {
        *mine
    }


@IMAGES
def test_set_types_are_what_ipset_prints(suite: str, architecture: str) -> None:
    _, bytes_, elf = library(tree(suite, architecture), "libipset.so.*")
    types = set_types(bytes_, elf)
    printed = oracle(image(suite, architecture)).set_types
    assert sorted((entry.name, entry.revision) for entry in types) == sorted(printed)
    assert len(types) > 80
    assert list(types) == sorted(types, key=lambda entry: (entry.name, entry.revision))


@pytest.mark.full
@pytest.mark.parametrize("suite", ["bullseye", "bookworm", "trixie", "sid"])
def test_every_architecture_has_the_same_set_types_and_extensions(suite: str) -> None:
    def known(architecture: str) -> tuple[object, ...]:
        root = tree(suite, architecture)
        _, bytes_, elf = library(root, "libipset.so.*")
        found = search(suite, architecture).extensions
        names = sorted((e.kind, e.name, e.family, e.revision, posixpath.basename(e.path)) for e in found)
        return set_types(bytes_, elf), names

    for architecture in ("arm64", "ppc64el", "s390x"):
        try:
            build_image(suite, architecture)
        except Unavailable:
            continue  # not every mirror has every architecture
        assert known(architecture) == known("amd64")


def search(suite: str, architecture: str) -> ExtensionSearch:
    root = tree(suite, architecture)
    return search_extensions(root, library(root, "libxtables.so.*"), {})


@IMAGES
def test_every_plug_in_is_found_and_serves(suite: str, architecture: str) -> None:
    root = tree(suite, architecture)
    found = search(suite, architecture)
    assert found.refused == ()
    paths = {extension.path for extension in found.extensions}
    folder = posixpath.dirname(next(iter(paths)))
    assert paths >= {f"{folder}/{name}" for name in root.listdir(folder) if name != "libxt_NAT.so"}
    assert len(paths) > 120
    names = {(e.kind, e.name, e.family) for e in found.extensions}
    assert names >= {("match", name, "any") for name in ("set", "comment", "limit", "rpfilter", "tcp", "udp")}
    targets = ("REJECT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "DSCP")
    assert names >= {("target", name, family) for name in targets for family in ("ipv4", "ipv6")}


@NATIVE
def test_extensions_are_those_that_iptables_loads(suite: str, architecture: str) -> None:
    """Each name that a file could be asked for by, as match and as target, for both families.

    iptables prints the extension's own help, or says that it couldn't be loaded; for a target that it doesn't know it
    prints the general help alone, since the name may be a chain's. The legacy flavour needs no kernel for that. Before
    1.8.8 a revision that the kernel lacks was not loaded either, so bullseye's can't be asked.
    """
    root, built = tree(suite, architecture), image(suite, architecture)
    found = search(suite, architecture).extensions
    folder = posixpath.dirname(found[0].path)
    names = {name.partition("_")[2].removesuffix(".so") for name in root.listdir(folder)} | {"nosuch"}
    asked = [
        (family, kind, name)
        for family in ("ipv4", "ipv6")
        for kind in ("match", "target")
        for name in sorted(names | {entry.name for entry in found})
    ]
    program = {"ipv4": "/usr/sbin/iptables-legacy", "ipv6": "/usr/sbin/ip6tables-legacy"}
    option = {"match": "-m", "target": "-j"}
    commands = [Command((program[family], option[kind], name, "--help")) for family, kind, name in asked]
    results = dict(zip(asked, run_inside(built.tree, architecture, commands), strict=True))

    def loads(family: str, kind: str, name: str) -> bool:
        result = results[family, kind, name]
        return result.code == 0 if kind == "match" else result.output != results[family, kind, "nosuch"].output

    serving = {(family, e.kind, e.name) for e in found for family in program if e.family in (family, "any")}
    assert {key for key in asked if loads(*key)} == serving
    assert len(asked) > 400


@IMAGES
def test_only_the_tools_are_taken_for_tools(suite: str, architecture: str) -> None:
    """No other ELF file of the image shows a version of theirs, a set type or an extension."""
    hits = set()
    files = 0
    for path, bytes_ in _elf_files(tree(suite, architecture)):
        elf = read_elf(bytes_)
        assert isinstance(elf, ElfFile)
        files += 1
        name = posixpath.basename(path)
        signs = read_signs(load(bytes_, elf))
        if signs is not None and not tools_of(name) and name != "traceroute6.iputils":
            hits.add(name)
        if set_types(bytes_, elf):
            hits.add(name)
        if "/xtables/" not in path and built_in_extensions(path, bytes_, elf):
            hits.add(name)
    assert len(hits) == 1
    assert fnmatchcase(hits.pop(), "libipset.so.*")
    assert files > 700


def _elf_files(root: DirectoryTree) -> Iterator[tuple[str, Content]]:
    for path, node in root.walk():
        if node.kind is FileKind.REGULAR and node.content is not None and node.content.read(0, 4) == b"\x7fELF":
            yield path, node.content


@IMAGES
def test_each_name_on_path_that_belongs_to_a_tool_is_told(suite: str, architecture: str) -> None:
    root = tree(suite, architecture)
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for name in root.listdir(folder):
            if tools_of(name) and root.find(f"{folder}/{name}").node is not None:
                identity = told(root, f"{folder}/{name}")
                assert identity.tool in tools_of(name) or identity.reason == "script", (name, identity)


@IMAGES
def test_ip_knows_its_link_types(suite: str, architecture: str) -> None:
    root = tree(suite, architecture)
    path = oracle(image(suite, architecture)).tools["ip"].path
    _, bytes_ = content(root, path)
    assert known_link_types(bytes_, ["vxlan", "nosuch", "ipip"]) == ("vxlan", "ipip")


@pytest.mark.parametrize(("suite", "architecture"), [("bookworm", "amd64")])
def test_a_real_busybox_is_told_by_its_applets(suite: str, architecture: str) -> None:
    try:
        built = build_image(suite, architecture, "busybox-applets")
    except Unavailable as reason:
        pytest.skip(str(reason))
    root = DirectoryTree(built.tree)
    for name in ("/bin/ping", "/sbin/ip"):
        identity = told(root, name)
        assert (identity.tool, identity.reason) == ("busybox", "applet")
        assert isinstance(read_elf(content(root, name)[1]), ElfFile)
    assert not isinstance(read_elf(content(root, "/bin/ping")[1]), NotElf)
