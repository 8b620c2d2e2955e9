"""The kernels inside an image: its module trees and configs, read through the tree of files that it was merged to."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from auditor.errors import CorruptImage, LimitExceeded, UsageError
from auditor.filetree import FileKind, FileTree
from auditor.kernel.source.interface import Files, Keep
from auditor.kernel.version import RELEASE

_KERNEL_PATH = re.compile(r"/?(?:usr/)?lib/modules/.+|/?boot/(?:config|vmlinu[xz])-[^/]+")
_MAX_FILES = 500_000
_MAX_DEPTH = 32
_LISTS = frozenset(("modules.dep", "modules.builtin", "modules.order", "kernel"))


def is_kernel_path(path: str) -> bool:
    """Whether a file at this path of an image may be asked for: whoever reads the image is to keep its bytes."""
    return _KERNEL_PATH.fullmatch(path) is not None


@dataclass(frozen=True)
class ImageSource:
    """An image's files below `path`: the root, or one module tree, whose folder is named as the release."""

    tree: FileTree = field(repr=False)
    name: str
    path: str = "/"
    kind: str = field(default="image", init=False)

    @property
    def label(self) -> str:
        """The image, and where in it."""
        return self.name if self.path == "/" else f"{self.name}:{self.path}"

    def open(self, keep: Keep) -> Files:  # noqa: ARG002 - an image's files are read one by one
        """List the kernels. UsageError where there is none."""
        places: dict[str, str] = {}
        base = self.path.rstrip("/")
        release = base.rpartition("/")[2]
        if RELEASE.fullmatch(release) and not _LISTS.isdisjoint(self.tree.listdir(base)):
            self._add_tree(places, base, release)
        else:
            # /lib may be a link to usr/lib: what leads to the same real path is the same tree.
            roots = (self.tree.find(f"{base}{part}").path for part in ("/lib/modules", "/usr/lib/modules"))
            for root in (base, *dict.fromkeys(roots)):
                for entry in self.tree.listdir(root or "/"):
                    folder = f"{root}/{entry}"
                    if RELEASE.fullmatch(entry) and not _LISTS.isdisjoint(self.tree.listdir(folder)):
                        self._add_tree(places, folder, entry)
            for entry in self.tree.listdir(f"{base}/boot"):
                if entry.startswith(("config-", "vmlinuz-", "vmlinux-")):
                    self._add(places, f"boot/{entry}", f"{base}/boot/{entry}")
        if not places:
            raise UsageError("no kernel in the image: no module tree and no config", self.label, "give the path of one")
        return ImageFiles(self.tree, self.name, places)

    def _add_tree(self, places: dict[str, str], folder: str, release: str) -> None:
        for relative in self._walk(folder):
            self._add(places, f"lib/modules/{release}/{relative}", f"{folder}/{relative}")

    def _add(self, places: dict[str, str], path: str, place: str) -> None:
        node = self.tree.find(place).node
        if node is not None and node.kind is FileKind.REGULAR:
            places.setdefault(path, place)

    def _walk(self, folder: str) -> Iterator[str]:
        left = [("", 0)]
        count = 0
        while left:
            prefix, depth = left.pop()
            for name in self.tree.listdir(f"{folder}/{prefix}".rstrip("/")):
                count += 1
                if count > _MAX_FILES or depth > _MAX_DEPTH:
                    raise LimitExceeded("the folder has too many files", f"{self.name}:{folder}", "give one kernel")
                node = self.tree.lstat(f"{folder}/{prefix}{name}")
                if node is not None and node.kind is FileKind.DIRECTORY:
                    left.append((f"{prefix}{name}/", depth + 1))
                else:
                    yield prefix + name


class ImageFiles:
    """Canonical paths, each with its place in the image."""

    architecture = ""
    release = ""

    def __init__(self, tree: FileTree, name: str, places: dict[str, str]) -> None:
        self._tree = tree
        self._name = name
        self._places = places

    def paths(self) -> Collection[str]:
        """The canonical paths."""
        return self._places.keys()

    def shown(self, path: str) -> str:
        """The path in the image."""
        return self._places[path]

    def fetch(self, paths: Iterable[str]) -> None:
        """Nothing to make ready."""

    def read(self, path: str, limit: int) -> bytes:
        """The file's bytes."""
        place = self._places[path]
        node = self._tree.find(place).node
        where = f"{self._name}:{place}"
        if node is None or node.content is None:
            raise CorruptImage("the file's bytes were not kept", where, "give the kernel as a folder or package")
        if node.size > limit:
            raise LimitExceeded(f"it is larger than {limit} bytes", where, "no kernel's file of this kind is")
        return node.content.read()
