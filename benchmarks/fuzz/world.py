"""What a reader is given its bytes in: an image's tree, a file of a user's, a folder."""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from auditor.budget import Budget
from auditor.filetree import FileKind
from auditor.image.layer import LayerEntry
from auditor.image.merge import Merge
from auditor.image.tree import MergedTree
from fixtures.contents import Bytes

#: Between the parts of an input that is made of several files or answers.
SEPARATOR = b"\n=====\n"


def parts(data: bytes, count: int) -> list[bytes]:
    """The first `count` parts of an input, empty where it has fewer."""
    found = data.split(SEPARATOR)[:count]
    return found + [b""] * (count - len(found))


def joined(*pieces: bytes) -> bytes:
    """An input of several parts."""
    return SEPARATOR.join(pieces)


def tree(files: Mapping[str, bytes]) -> MergedTree:
    """An image's file system with these files, all of them executable."""
    budget = Budget()
    merge = Merge(budget)
    entries = []
    for path, data in files.items():
        directory, _, name = path.rpartition("/")
        content = Bytes(data)
        entries.append(LayerEntry(directory, name, FileKind.REGULAR, 0o755, 0, 0, len(data), "", b"", content))
    merge.apply(0, entries, "layer")
    return MergedTree(merge.root, merge.removed, budget)


@cache
def scratch() -> Path:
    """A folder of this process's own; whoever started it removes it."""
    return Path(tempfile.mkdtemp(prefix="files-"))


def written(name: str, data: bytes) -> Path:
    """A file that a user names."""
    path = scratch() / name
    path.write_bytes(data)
    return path
