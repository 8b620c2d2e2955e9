"""PATH: entries, look-ups, and all that it reaches."""

from auditor.process.model import LaunchFault
from auditor.process.path import DEFAULT_PATH, SearchPath, environment, executables, lookup, search_path
from tests.process.memorytree import File, Link, MemoryTree

TREE = MemoryTree(
    {
        "/bin": Link("usr/bin"),
        "/usr/bin/tool": "tool",
        "/usr/bin/other": Link("tool"),
        "/usr/bin/data": File("x", 0o644),
        "/usr/bin/folder/x": "x",
        "/usr/bin/dangling": Link("none"),
        "/usr/sbin/tool": Link("../bin/tool"),
        "/usr/sbin/own": "own",
        "/opt/own": "another",
        "/opt/up": Link("../../../../usr/bin/tool"),
    }
)


def test_default_and_config() -> None:
    assert search_path([]).entries == tuple(DEFAULT_PATH.split(":"))
    assert search_path(["PATH=/a::b:"], "/w").directories == ("/a", "/w", "/w/b")
    assert search_path(["PATH=/a", "PATH"]).entries == tuple(DEFAULT_PATH.split(":"))
    assert environment(["A=1", "B=x=y", "A=2", "B", "C="]) == {"A": "2", "C": ""}


def test_first_usable_file_wins() -> None:
    found = lookup(TREE, "own", SearchPath(("/opt", "/usr/sbin")))
    assert (found.path, found.real_path) == ("/opt/own", "/opt/own")
    assert lookup(TREE, "tool", SearchPath(("/usr/sbin",))).real_path == "/usr/bin/tool"
    assert lookup(TREE, "up", SearchPath(("/opt",))).real_path == "/usr/bin/tool"


def test_what_cannot_be_executed_is_remembered() -> None:
    path = SearchPath(("/usr/bin",))
    assert lookup(TREE, "data", path).passed_over == (("/usr/bin/data", LaunchFault.NOT_EXECUTABLE),)
    assert lookup(TREE, "folder", path).passed_over == (("/usr/bin/folder", LaunchFault.NOT_EXECUTABLE),)
    assert lookup(TREE, "dangling", path).passed_over == (("/usr/bin/dangling", LaunchFault.MISSING),)
    assert lookup(TREE, "none", path).passed_over == ()
    assert lookup(TREE, "", path).path is None


def test_names_with_a_slash_are_paths() -> None:
    path = SearchPath(("/usr/bin",), "/opt")
    assert lookup(TREE, "./own", path).path == "/opt/own"
    assert lookup(TREE, "../usr/sbin/own", path).real_path == "/usr/sbin/own"
    assert lookup(TREE, "/usr/sbin/own", path).path == "/usr/sbin/own"
    assert lookup(TREE, "./tool", path).path is None


def test_executables() -> None:
    found = {
        file.real_path: file.names for file in executables(TREE, SearchPath(("/opt", "/usr/sbin", "/bin", "/none")))
    }
    assert found == {
        "/opt/own": ("/opt/own",),
        "/usr/bin/tool": ("/opt/up", "/usr/sbin/tool", "/bin/other", "/bin/tool"),
        "/usr/sbin/own": ("/usr/sbin/own",),
    }
