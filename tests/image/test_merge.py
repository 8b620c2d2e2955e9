"""What layers make of one another, case by case, and who wrote or deleted what."""

import io

import pytest

from auditor.budget import Budget
from auditor.errors import CorruptImage
from auditor.filetree import FileKind, LinkedWhiteout
from auditor.image.layer import Expected, LayerContents, read_layer
from auditor.image.merge import Merge
from auditor.image.spool import Spool
from auditor.image.tree import MergedTree
from tests.image.build import Member, file, folder, hard, link, opaque, tar, whiteout


def everything(path: str, mode: int, size: int, head: bytes) -> bool:
    del path, mode, size, head
    return True


def read(members: list[Member], spool: Spool) -> LayerContents:
    expected = Expected("layer", None, None, None)
    return read_layer(io.BytesIO(tar(members)), expected, keep=everything, spool=spool, budget=Budget())


def merged(*layers: list[Member]) -> MergedTree:
    merge = Merge()
    spool = Spool(Budget().kept)
    for number, members in enumerate(layers):
        merge.apply(number, read(members, spool).entries, f"layer {number}")
    return MergedTree(merge.root, merge.removed)


def show(tree: MergedTree) -> dict[str, str]:
    """Path to what is there: `dir`, `-> target` or the file's text, and the layer that wrote it."""
    shown = {}
    for path, node in tree.walk():
        if node.kind is FileKind.DIRECTORY:
            what = "dir"
        elif node.kind is FileKind.SYMLINK:
            what = f"-> {node.target}"
        elif node.content is not None:
            what = node.content.read().decode()
        else:
            what = node.kind.value
        shown[path] = f"{what} @{node.layer}"
    return shown


CASES: dict[str, tuple[list[list[Member]], dict[str, str], dict[str, tuple[int, int]]]] = {
    "a later file replaces an earlier one": (
        [[file("a", "old")], [file("a", "new")]],
        {"/a": "new @1"},
        {},
    ),
    "the last of two entries in one layer counts": (
        [[file("a", "1"), file("./a", "2"), file("/a", "3")]], {"/a": "3 @0"}, {}),
    "parents are made": ([[file("a/b/c", "x")]], {"/a": "dir @0", "/a/b": "dir @0", "/a/b/c": "x @0"}, {}),
    "a whiteout deletes": ([[file("a", "x"), file("b", "y")], [whiteout("a")]], {"/b": "y @0"}, {"/a": (0, 1)}),
    "a whiteout of nothing": ([[file("b", "y")], [whiteout("a")]], {"/b": "y @0"}, {}),
    "a whiteout deletes a directory whole": (
        [[file("a/b/c", "x"), file("d", "y")], [whiteout("a")]],
        {"/d": "y @0"},
        {"/a": (0, 1), "/a/b": (0, 1), "/a/b/c": (0, 1)},
    ),
    "a whiteout spares its own layer, before it": (
        [[file("a", "old")], [file("a", "new"), whiteout("a")]],
        {"/a": "new @1"},
        {},
    ),
    "a whiteout spares its own layer, after it": (
        [[file("a", "old")], [whiteout("a"), file("a", "new")]],
        {"/a": "new @1"},
        {},
    ),
    "a directory deleted and made again is empty": (
        [[file("a/old", "x")], [whiteout("a"), file("a/new", "y")]],
        {"/a": "dir @1", "/a/new": "y @1"},
        {"/a/old": (0, 1)},
    ),
    "an opaque directory hides what lower layers have": (
        [[file("a/old", "x"), file("a/sub/deep", "z")], [folder("a"), file("a/new", "y"), opaque("a")]],
        {"/a": "dir @1", "/a/new": "y @1"},
        {"/a/old": (0, 1), "/a/sub": (0, 1), "/a/sub/deep": (0, 1)},
    ),
    "an opaque root": ([[file("a", "x")], [file(".wh..wh..opq"), file("b", "y")]], {"/b": "y @1"}, {"/a": (0, 1)}),
    "a deleted file that comes back": (
        [[file("a", "1")], [whiteout("a")], [file("a", "3")]],
        {"/a": "3 @2"},
        {},
    ),
    "a deleted directory that comes back without a file": (
        [[file("a/x", "1"), file("a/y", "2")], [whiteout("a")], [file("a/x", "3")]],
        {"/a": "dir @2", "/a/x": "3 @2"},
        {"/a/y": (0, 1)},
    ),
    "directory to file": (
        [[file("a/x", "1")], [file("a", "2")]],
        {"/a": "2 @1"},
        {"/a/x": (0, 1)},
    ),
    "file to directory": ([[file("a", "1")], [file("a/x", "2")]], {"/a": "dir @1", "/a/x": "2 @1"}, {}),
    "directory to symlink": (
        [[file("lib/x", "1")], [link("lib", "usr/lib")]],
        {"/lib": "-> usr/lib @1"},
        {"/lib/x": (0, 1)},
    ),
    "symlink to directory": (
        [[file("usr/lib/x", "1"), link("lib", "usr/lib")], [folder("lib"), file("lib/y", "2")]],
        {"/lib": "dir @1", "/lib/y": "2 @1", "/usr": "dir @0", "/usr/lib": "dir @0", "/usr/lib/x": "1 @0"},
        {},
    ),
    "a name below a link of a lower layer hides the link": (
        [[file("usr/lib/x", "1"), link("lib", "usr/lib")], [file("lib/y", "2")]],
        {"/lib": "dir @1", "/lib/y": "2 @1", "/usr": "dir @0", "/usr/lib": "dir @0", "/usr/lib/x": "1 @0"},
        {},
    ),
    "a name below a link of the same layer goes where it points": (
        [[folder("usr/lib"), link("lib", "usr/lib"), file("lib/y", "2")]],
        {"/lib": "-> usr/lib @0", "/usr": "dir @0", "/usr/lib": "dir @0", "/usr/lib/y": "2 @0"},
        {},
    ),
    "a link out of the root stays inside": (
        [[link("out", "../../etc"), file("out/passwd", "x")]],
        {"/etc": "dir @0", "/etc/passwd": "x @0", "/out": "-> ../../etc @0"},
        {},
    ),
    "dot-dot can't leave the root": (
        [[file("../../a", "1"), file("x/../../b", "2"), file("/../c", "3")]],
        {"/a": "1 @0", "/b": "2 @0", "/c": "3 @0"},
        {},
    ),
    "a hard link is the same file": (
        [[file("a", "x"), hard("b", "a")]],
        {"/a": "x @0", "/b": "x @0"},
        {},
    ),
    "a hard link to a lower layer": ([[file("a", "x")], [hard("b", "./a")]], {"/a": "x @0", "/b": "x @1"}, {}),
    "a hard link outlives its target": (
        [[file("a", "x"), hard("b", "a")], [whiteout("a")]],
        {"/b": "x @0"},
        {"/a": (0, 1)},
    ),
    "a hard link keeps the content that its target had": (
        [[file("a", "old"), hard("b", "a")], [file("a", "new")]],
        {"/a": "new @1", "/b": "old @0"},
        {},
    ),
    "a file renamed by link and whiteout": (
        [[file("a", "x")], [hard("b", "a"), whiteout("a")]], {"/b": "x @1"}, {"/a": (0, 1)}),
    "a hard link to a symlink": ([[link("a", "t"), hard("b", "a")]], {"/a": "-> t @0", "/b": "-> t @0"}, {}),
    "aufs' own files are none": (
        [[file(".wh..wh.aufs"), folder(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), file("a", "y")]],
        {"/a": "y @0"},
        {},
    ),
    "devices and pipes": (
        [[Member("p", "fifo"), Member("c", "char")]], {"/c": "character device @0", "/p": "fifo @0"}, {}),
    "a directory's new attributes leave its children": (
        [[folder("a"), file("a/x", "1")], [folder("a", 0o700)]],
        {"/a": "dir @1", "/a/x": "1 @0"},
        {},
    ),
    "an entry for the root": ([[folder("./"), file("a", "1")]], {"/a": "1 @0"}, {}),
    "layers without entries": ([[file("a", "1")], [], []], {"/a": "1 @0"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_layers_merge(name: str) -> None:
    layers, expected, gone = CASES[name]
    tree = merged(*layers)
    assert show(tree) == expected
    removals = {path: tree.removals(path.rpartition("/")[2]) for path in gone}
    assert {
        removal.path: (removal.node.layer, removal.layer) for found in removals.values() for removal in found
    } == gone


@pytest.mark.parametrize(
    "layer",
    [
        [hard("b", "nothing")],
        [folder("a"), hard("b", "a")],
        [file("a", "x"), file("a/b", "y")],
        [link("a", "b"), link("b", "a"), file("a/x")],
        [hard("a", "a")],
        [whiteout("")],
        [whiteout("usr/")],
    ],
)
def test_what_no_runtime_unpacks_is_refused(layer: list[Member]) -> None:
    with pytest.raises(CorruptImage) as caught:
        merged(layer)
    assert "layer 0" in str(caught.value)


def test_what_was_deleted_can_still_be_read() -> None:
    tree = merged([file("usr/lib/libpcap.so.1", "library")], [whiteout("usr/lib/libpcap.so.1")])
    (removal,) = tree.removals("libpcap.so.1")
    assert removal.node.content is not None
    assert removal.node.content.read() == b"library"
    assert tree.removals("libpcap") == ()


def test_hard_links_share_an_inode() -> None:
    tree = merged([file("a", "x"), hard("b", "a"), file("c", "x")], [hard("d", "a")])
    inodes = {path: node.inode for path, node in tree.walk()}
    assert inodes["/a"] == inodes["/b"] == inodes["/d"] != inodes["/c"]


def test_attributes_come_from_the_entry() -> None:
    member = file("ping", "x", 0o4755, uid=1, gid=2, pax={"SCHILY.xattr.security.capability": "\x01\x02"})
    node = merged([member]).lstat("/ping")
    assert node is not None
    assert (node.mode, node.uid, node.gid, node.size, node.capabilities) == (0o4755, 1, 2, 1, b"\x01\x02")


def test_files_of_one_name_in_many_places_are_all_told() -> None:
    tree = merged([file("a/x"), file("b/x"), file("x")], [whiteout("a/x")], [whiteout("b"), whiteout("x")])
    assert [(gone.path, gone.layer) for gone in tree.removals("x")] == [("/a/x", 1), ("/b/x", 2), ("/x", 2)]


def test_a_whiteout_below_a_link_is_remembered() -> None:
    """overlayfs keeps the file that it names through the link, vfs and umoci delete it."""
    layers = [[file("usr/sbin/ipset", "x"), link("sbin", "usr/sbin")], [whiteout("sbin/ipset"), whiteout("sbin/none")]]
    merge = Merge()
    for number, members in enumerate(layers):
        merge.apply(number, read(members, Spool(Budget().kept)).entries, f"layer {number}")
    assert merge.linked_whiteouts == [LinkedWhiteout("/sbin/ipset", "/usr/sbin/ipset", 1)]
    tree = MergedTree(merge.root, merge.removed)
    assert tree.find("/usr/sbin/ipset").node is not None
    assert tree.find("/sbin/ipset").node is None


def test_an_entry_for_the_root_gives_it_its_attributes() -> None:
    for entry, mode in ((folder("./", 0o700), 0o700), (file("./", "x", 0o600), 0o755)):
        node = merged([file("a", "1"), entry]).find("/").node
        assert node is not None
        assert (node.kind, node.mode) == (FileKind.DIRECTORY, mode)
