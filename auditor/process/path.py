"""PATH: which files a name leads to, as execvp(3) and the container runtimes look them up."""

import posixpath
from collections.abc import Iterable

from msgspec import Struct

from auditor.filetree import FileKind, FileTree, Node
from auditor.process.model import Executable, LaunchFault, Lookup

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What Docker, containerd and Podman set where the image config has no PATH."""


class SearchPath(Struct, frozen=True):
    """PATH, split. An empty element means the working directory (environ(7), execvp(3))."""

    entries: tuple[str, ...]
    working_dir: str = "/"

    @property
    def directories(self) -> tuple[str, ...]:
        """The entries as absolute paths, in order, each once."""
        return tuple(dict.fromkeys(absolute(entry, self.working_dir) for entry in self.entries))


def absolute(path: str, working_dir: str) -> str:
    """`path` as seen from `working_dir`, without trailing slash; `..` is left to the tree, which knows the links."""
    joined = posixpath.join("/", working_dir, path)
    parts = [part for part in joined.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def environment(env: Iterable[str]) -> dict[str, str]:
    """The variables of an image config's Env. The last one of a name counts; one without `=` unsets the name."""
    variables: dict[str, str] = {}
    for entry in env:
        name, equals, value = entry.partition("=")
        if equals:
            variables[name] = value
        else:
            variables.pop(name, None)
    return variables


def search_path(env: Iterable[str], working_dir: str = "") -> SearchPath:
    """PATH of an image config's Env, Docker's default where it is unset; relative entries are the WorkingDir's."""
    value = environment(env).get("PATH", DEFAULT_PATH)
    return SearchPath(tuple(value.split(":")), absolute(working_dir, "/"))


def usable(node: Node | None) -> LaunchFault | None:
    """What keeps execve(2) from taking a file, as root would find it: any x bit will do; None where nothing does."""
    if node is None:
        return LaunchFault.MISSING
    if node.kind is not FileKind.REGULAR or not node.mode & 0o111:
        return LaunchFault.NOT_EXECUTABLE
    return None


def lookup(tree: FileTree, name: str, path: SearchPath) -> Lookup:
    """Find a program as execvp(3) does: a name with a slash is a path, any other is looked for along PATH.

    The first executable regular file wins. What is there but can't be executed (a dangling link, too) is passed
    over and remembered.
    """
    if not name:
        return Lookup(name, None)
    if "/" in name:
        return _examine(tree, name, (absolute(name, path.working_dir),))
    directories = [directory.rstrip("/") for directory in path.directories]
    return _examine(tree, name, tuple(f"{directory}/{name}" for directory in directories))


def _examine(tree: FileTree, name: str, candidates: tuple[str, ...]) -> Lookup:
    passed_over: list[tuple[str, LaunchFault]] = []
    for candidate in candidates:
        found = tree.find(candidate)
        fault = usable(found.node)
        if fault is None:
            return Lookup(name, candidate, found.path, found.node, tuple(passed_over))
        if found.node is not None or tree.lstat(candidate) is not None:
            passed_over.append((candidate, fault))
    return Lookup(name, None, passed_over=tuple(passed_over))


def executables(tree: FileTree, path: SearchPath) -> tuple[Executable, ...]:
    """Every executable regular file that PATH reaches, in PATH's order, with all the names that lead to it.

    A file that a namesake in an earlier entry hides is among them: others may start it by its full path.
    """
    names: dict[str, list[str]] = {}
    nodes: dict[str, Node] = {}
    for directory in path.directories:
        for name in tree.listdir(directory):
            candidate = f"{directory.rstrip('/')}/{name}"
            found = tree.find(candidate)
            if found.node is None or usable(found.node) is not None:
                continue
            nodes[found.path] = found.node
            names.setdefault(found.path, []).append(candidate)
    return tuple(Executable(real, nodes[real], tuple(paths)) for real, paths in names.items())
