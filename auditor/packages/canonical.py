"""One spelling for each path of a tree, whichever directory links a package database wrote it through."""

import posixpath
from collections.abc import Callable

from auditor.filetree import FileKind, FileTree

PATH_MAX = 4096  # limits.h(0p): no longer path can be opened


def canonicaliser(tree: FileTree) -> Callable[[str], str]:
    """A function from a path to its real path: directory links followed, the last name's own link not.

    Works for paths that no longer exist, whose directories are followed as far as they do. A link that leads to
    no directory stays a name of its own.
    """
    directories: dict[str, str] = {"/": "/"}

    def real_child(parent: str, name: str) -> str:
        if name == "..":
            return posixpath.dirname(parent)
        path = _join(parent, name)
        node = tree.lstat(path)
        if node is None or node.kind is not FileKind.SYMLINK:
            return path
        found = tree.find(path)
        return found.path if found.node is not None and found.node.kind is FileKind.DIRECTORY else path

    def real_directory(path: str) -> str:
        unknown = []
        while path not in directories:
            unknown.append(path)
            path = posixpath.dirname(path)
        for child in reversed(unknown):
            directories[child] = real_child(directories[path], posixpath.basename(child))
            path = child
        return directories[path]

    def canonical(path: str) -> str:
        path = _plain(path)
        if len(path) > PATH_MAX or path == "/":
            return path
        parent, name = posixpath.split(path)
        return real_directory(path) if name == ".." else _join(real_directory(parent), name)

    return canonical


def _plain(path: str) -> str:
    """Absolute, without empty, `.` and trailing parts; `..` stays, since a link before it decides what it means."""
    if path.startswith("/") and "//" not in path and "/." not in path and not path.endswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _join(directory: str, name: str) -> str:
    return directory + name if directory == "/" else f"{directory}/{name}"
