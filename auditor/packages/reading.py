"""Bounded reading of database files from an image."""

import posixpath
from dataclasses import dataclass

from auditor.filetree import FileKind, FileTree, LookupFault
from auditor.packages.model import DatabaseWarning

# Far above any real one (a full desktop's dpkg status is 5 MB, its RPM database 150 MB), and memory stays bounded.
TEXT_LIMIT = 16 << 20
BINARY_LIMIT = 256 << 20


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is there and can't be read, and why."""

    path: str
    reason: str

    def warning(self, what: str) -> DatabaseWarning:
        """The warning that says so of `what`."""
        return DatabaseWarning(self.path, f"{what} can't be read: {self.reason}")


def read_bytes(tree: FileTree, path: str, limit: int) -> bytes | Unreadable | None:
    """The whole file, None where there is none, or why it can't be read."""
    found = tree.find(path)
    if found.node is None:
        return None if tree.lstat(path) is None else Unreadable(path, _fault(found.fault))
    if found.node.kind is not FileKind.REGULAR:
        return Unreadable(path, f"it is a {found.node.kind.value}, not a file")
    if found.node.content is None:
        return Unreadable(path, "its content was not kept")
    if found.node.size > limit:
        return Unreadable(path, f"{found.node.size} bytes are more than the limit of {limit}")
    return found.node.content.read()


def read_text(tree: FileTree, path: str, limit: int = TEXT_LIMIT) -> str | Unreadable | None:
    """`read_bytes` as text; bytes that are no UTF-8 are kept by `surrogateescape`, like the tree's own paths."""
    data = read_bytes(tree, path, limit)
    return data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data


def join(directory: str, name: str) -> str:
    """`posixpath.join` for one plain name."""
    return posixpath.join(directory, name)


def _fault(fault: LookupFault | None) -> str:
    return fault.value if fault is not None else "no such file"
