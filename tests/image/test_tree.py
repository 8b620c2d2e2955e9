"""Looking into the tree: links, their loops, and what is not there."""

import pytest

from auditor.filetree import FileKind, LookupFault
from tests.image.build import file, folder, link
from tests.image.test_merge import merged

TREE = merged(
    [
        folder("usr/bin"),
        file("usr/bin/tool", "t"),
        link("bin", "usr/bin"),
        link("abs", "/usr/bin"),
        link("usr/bin/alias", "tool"),
        link("usr/bin/alternative", "/etc/alternatives/tool"),
        link("etc/alternatives/tool", "/usr/bin/tool"),
        link("dangling", "/nowhere/at/all"),
        link("usr/bin/gone", "not-here"),
        link("loop-a", "loop-b"),
        link("loop-b", "loop-a"),
        link("self", "self"),
        link("up", "../../../../usr"),
        link("slash", "usr/bin/"),
        link("file-slash", "usr/bin/tool/"),
        link("empty", ""),
        link("root", "/"),
        link("through-dangling", "dangling/x"),
        *[link(f"chain{number}", f"chain{number + 1}") for number in range(40)],
        file("chain40", "end"),
        file("a-b"),
        file("a/b"),
    ]
)


@pytest.mark.parametrize(
    ("path", "real", "links"),
    [
        ("/usr/bin/tool", "/usr/bin/tool", ()),
        ("usr/bin/tool", "/usr/bin/tool", ()),
        ("/bin/tool", "/usr/bin/tool", ("/bin",)),
        ("/abs/alias", "/usr/bin/tool", ("/abs", "/usr/bin/alias")),
        ("/bin/alternative", "/usr/bin/tool", ("/bin", "/usr/bin/alternative", "/etc/alternatives/tool")),
        ("/usr/../usr/./bin//tool", "/usr/bin/tool", ()),
        ("/../../usr/bin/tool", "/usr/bin/tool", ()),
        ("/bin/../lib/../bin/tool", None, ("/bin",)),
        ("/up/bin/tool", "/usr/bin/tool", ("/up",)),
        ("/slash", "/usr/bin", ("/slash",)),
        ("/root/usr", "/usr", ("/root",)),
        ("/", "/", ()),
        ("/bin/", "/usr/bin", ("/bin",)),
        ("/chain1", "/chain40", tuple(f"/chain{number}" for number in range(1, 40))),
        ("/chain0", "/chain40", tuple(f"/chain{number}" for number in range(40))),
    ],
)
def test_links_are_followed_inside_the_root(path: str, real: str | None, links: tuple[str, ...]) -> None:
    found = TREE.find(path)
    if real is None:
        assert found.node is None
    else:
        assert (found.path, found.fault) == (real, None)
        assert found.node is not None
    assert found.links == links


@pytest.mark.parametrize(
    ("path", "fault", "reached"),
    [
        ("/nothing", LookupFault.MISSING, "/nothing"),
        ("/bin/nothing", LookupFault.MISSING, "/usr/bin/nothing"),
        ("/no/such/file", LookupFault.MISSING, "/no/such/file"),
        ("/dangling", LookupFault.DANGLING, "/nowhere/at/all"),
        ("/bin/gone", LookupFault.DANGLING, "/usr/bin/not-here"),
        ("/through-dangling", LookupFault.DANGLING, "/nowhere/at/all/x"),
        ("/dangling/more", LookupFault.DANGLING, "/nowhere/at/all/more"),
        ("/loop-a", LookupFault.LOOP, "/loop-a"),
        ("/self/x", LookupFault.LOOP, "/self/x"),
        ("/usr/bin/tool/x", LookupFault.NOT_A_DIRECTORY, "/usr/bin/tool/x"),
        ("/usr/bin/tool/", LookupFault.NOT_A_DIRECTORY, "/usr/bin/tool"),
        ("/file-slash", LookupFault.NOT_A_DIRECTORY, "/usr/bin/tool"),
        ("/usr/bin/tool/..", LookupFault.NOT_A_DIRECTORY, "/usr/bin/tool/.."),
        ("/empty", LookupFault.DANGLING, "/empty"),
    ],
)
def test_why_a_path_leads_nowhere(path: str, fault: LookupFault, reached: str) -> None:
    found = TREE.find(path)
    assert (found.node, found.fault, found.path) == (None, fault, reached)


def test_forty_links_and_no_more() -> None:
    longer = merged([*[link(f"c{number}", f"c{number + 1}") for number in range(41)], file("c41")])
    assert longer.find("/c1").fault is None
    assert longer.find("/c0").fault is LookupFault.LOOP


def test_lstat_follows_all_but_the_last() -> None:
    node = TREE.lstat("/bin/alias")
    assert node is not None
    assert (node.kind, node.target) == (FileKind.SYMLINK, "tool")
    bin_itself = TREE.lstat("/bin")
    assert bin_itself is not None
    assert bin_itself.kind is FileKind.SYMLINK
    assert TREE.lstat("/bin/nothing") is None
    assert TREE.lstat("/dangling/x") is None
    root = TREE.lstat("/")
    assert root is not None
    assert root.kind is FileKind.DIRECTORY


def test_lstat_of_a_way_back_is_where_it_leads() -> None:
    for path in ("/usr/bin/..", "/bin/.."):
        node = TREE.lstat(path)
        assert node is not None
        assert node.kind is FileKind.DIRECTORY
    assert TREE.lstat("/nothing/..") is None
    here = TREE.lstat("/usr/bin/.")
    assert here is not None
    assert here.kind is FileKind.DIRECTORY


def test_directories_are_listed_through_links() -> None:
    assert TREE.listdir("/bin") == ("alias", "alternative", "gone", "tool")
    assert TREE.listdir("/usr/bin/tool") == ()
    assert TREE.listdir("/nothing") == ()
    assert "usr" in TREE.listdir("/")


def test_walk_is_sorted_by_path() -> None:
    paths = [path for path, _ in TREE.walk()]
    assert paths == sorted(paths)
    assert {"/a", "/a-b", "/a/b"} <= set(paths)
