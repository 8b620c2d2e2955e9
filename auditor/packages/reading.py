"""Bounded reading of database files from an image."""

import posixpath

from msgspec import Struct

from auditor.filetree import Content, FileKind, LookupFault
from auditor.packages.model import DatabaseFiles, DatabaseWarning

# Far above any real one (a full desktop's dpkg status is 5 MB, its RPM database 150 MB), and memory stays bounded.
TEXT_LIMIT = 16 << 20
BINARY_LIMIT = 160 << 20
_TEXT_COST = 4  # a byte of text is taken apart line by line, one of a binary database mostly is not


class Unreadable(Struct, frozen=True):
    """A file that is there and can't be read, and why."""

    path: str
    reason: str

    def warning(self, what: str) -> DatabaseWarning:
        """The warning that says so of `what`."""
        return DatabaseWarning(self.path, f"{what} can't be read: {self.reason}")


def find_content(files: DatabaseFiles, path: str, limit: int) -> Content | Unreadable | None:
    """The file's content, None where there is none, or why it can't be read. LimitExceeded by the budget."""
    found = files.find(path)
    if found.node is None:
        return None if files.lstat(path) is None else Unreadable(path, _fault(found.fault))
    if found.node.kind is not FileKind.REGULAR:
        return Unreadable(path, f"it is a {found.node.kind.value}, not a file")
    if found.node.content is None:
        return Unreadable(path, "its content was not kept")
    if found.node.size > limit:
        return Unreadable(path, f"{found.node.size} bytes are more than the limit of {limit}")
    files.budget.database.take(found.node.size, path)
    return found.node.content


def read_bytes(files: DatabaseFiles, path: str, limit: int) -> bytes | Unreadable | None:
    """The whole file, or as `find_content`."""
    content = find_content(files, path, limit)
    return content if content is None or isinstance(content, Unreadable) else content.read()


def read_text(files: DatabaseFiles, path: str) -> str | Unreadable | None:
    """`read_bytes` as text; bytes that are no UTF-8 are kept by `surrogateescape`, like the tree's own paths."""
    data = read_bytes(files, path, TEXT_LIMIT)
    if not isinstance(data, bytes):
        return data
    files.budget.database.take((_TEXT_COST - 1) * len(data), path)
    return data.decode("utf-8", "surrogateescape")


def join(directory: str, name: str) -> str:
    """`posixpath.join` for one plain name."""
    return posixpath.join(directory, name)


def _fault(fault: LookupFault | None) -> str:
    return fault.value if fault is not None else "no such file"
