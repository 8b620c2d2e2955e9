"""Layers laid over one another, as an overlay file system shows them.

Rules: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts"), and where it is silent what containerd and
Docker do with the overlay driver, which unpack every layer into an empty directory of its own:
 - whiteouts and opaque marks act on lower layers only, wherever they stand in the tar;
 - a directory over a directory takes the new attributes and keeps the children; anything else replaces;
 - a name below a symlink of the same layer goes where the link points; below a symlink (or file) of a lower layer it
   makes a real directory that hides the link;
 - parents that no layer names are made, also those of a whiteout: mode 0755, owned by root.
Where an overlay driver falls short of the specification, the specification counts: a directory that one layer deletes
and makes again is empty (some versions show its old files), and a hard link may be to a file of a lower layer.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from auditor.errors import CorruptImage
from auditor.filetree import FileKind, Node, Removal
from auditor.image.layer import LayerEntry

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_META = ".wh..wh."  # aufs' own bookkeeping; only the opaque mark has a meaning elsewhere
_LINKS = 40


class Directory:
    """One directory of the merged tree: its own node and what is in it."""

    __slots__ = ("children", "node", "path")

    def __init__(self, path: str, node: Node) -> None:
        self.path = path  # "" for the root, so that a child's path is always path + "/" + name
        self.node = node
        self.children: dict[str, Directory | Node] = {}


class Merge:
    """Takes layers from the lowest up; `root` and `removed` are the outcome."""

    def __init__(self) -> None:
        self._inodes = 0
        self.root = Directory("", Node(FileKind.DIRECTORY, 0o755, 0, 0, 0, 0, None))
        self.removed: dict[str, Removal] = {}
        self._where = ""
        self._made: dict[str, Directory] = {}  # directories by the name that the current layer calls them

    def apply(self, layer: int, entries: Sequence[LayerEntry], where: str) -> None:
        """Lay one more layer on top; `where` names it in errors. Raises CorruptImage for what no runtime unpacks."""
        self._where = where
        self._made.clear()
        marked = False
        for entry in entries:
            if WHITEOUT in entry.path and _base(entry.path).startswith(WHITEOUT):
                marked = True
                self._whiteout(entry.path, layer)
        for entry in entries:
            directory, _, name = entry.path.rpartition("/")
            if directory.startswith("/" + _META):
                continue
            parent = self._made.get(directory) or self._directory(directory, layer)
            if marked and name.startswith(WHITEOUT):
                continue
            if name:
                self._put(parent, name, entry, layer)
            elif entry.kind is FileKind.DIRECTORY:
                self.root.node = self._node(entry, layer)

    def _number(self) -> int:
        self._inodes += 1
        return self._inodes

    def _node(self, entry: LayerEntry, layer: int) -> Node:
        assert entry.kind is not None
        return Node(
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            self._number(),
            layer,
            entry.target,
            entry.capabilities,
            entry.content,
        )

    def _whiteout(self, path: str, layer: int) -> None:
        directory, _, name = path.rpartition("/")
        parent = self._existing(directory)
        if parent is None:
            return
        if name == OPAQUE:
            for hidden, child in parent.children.items():
                self._record(f"{parent.path}/{hidden}", child, layer)
            parent.children.clear()
            return
        hidden = name[len(WHITEOUT) :]
        gone = parent.children.pop(hidden, None)
        if gone is not None:
            self._record(f"{parent.path}/{hidden}", gone, layer)

    def _existing(self, path: str) -> Directory | None:
        """The directory at a path without links; None where there is none."""
        here = self.root
        for name in path.split("/")[1:]:
            child = here.children.get(name)
            if not isinstance(child, Directory):
                return None
            here = child
        return here

    def _directory(self, path: str, layer: int) -> Directory:
        """The directory that an entry of this layer goes into, made where it isn't there."""
        trail = [self.root]
        names = path.split("/")[:0:-1]
        links = 0
        while names:
            name = names.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(trail) > 1:
                    trail.pop()
                continue
            here = trail[-1]
            child = here.children.get(name)
            if isinstance(child, Directory):
                trail.append(child)
                continue
            if child is not None and child.layer == layer:
                if child.kind is not FileKind.SYMLINK:
                    self._fail(f"{here.path}/{name} is a file and has files below it")
                links += 1
                if links > _LINKS:
                    self._fail(f"{path} has too many levels of symbolic links")
                if child.target.startswith("/"):
                    trail = [self.root]
                names += child.target.split("/")[::-1]
                continue
            trail.append(self._new_directory(here, name, layer))
        self._made[path] = trail[-1]
        return trail[-1]

    def _new_directory(self, parent: Directory, name: str, layer: int) -> Directory:
        """A parent that no layer names; what a lower layer has at its place and isn't a directory is hidden."""
        path = f"{parent.path}/{name}"
        hidden = parent.children.get(name)
        if hidden is not None:
            self._record(path, hidden, layer)
        self.removed.pop(path, None)
        made = Directory(path, Node(FileKind.DIRECTORY, 0o755, 0, 0, 0, self._number(), layer))
        parent.children[name] = made
        return made

    def _put(self, parent: Directory, name: str, entry: LayerEntry, layer: int) -> None:
        path = f"{parent.path}/{name}"
        before = parent.children.get(name)
        if entry.kind is FileKind.DIRECTORY:
            if isinstance(before, Directory):
                before.node = self._node(entry, layer)
            else:
                if before is not None:
                    self._record(path, before, layer)
                parent.children[name] = Directory(path, self._node(entry, layer))
            self.removed.pop(path, None)
            return
        node = self._link(entry, layer) if entry.kind is None else self._node(entry, layer)
        if isinstance(before, Directory):
            self._record(path, before, layer)
            self._made.clear()
        parent.children[name] = node
        if self.removed:
            self.removed.pop(path, None)

    def _link(self, entry: LayerEntry, layer: int) -> Node:
        """A further name of an inode; like a runtime, only of one that is there already."""
        directory, _, name = entry.target.rpartition("/")
        target = self._seen_directory(directory)
        node = None if target is None else target.children.get(name)
        if node is None:
            node = self._just_removed(entry.target, layer)
        if node is None:
            self._fail(f"{entry.path} is a hard link to {entry.target}, which is not there")
        if isinstance(node, Directory):
            self._fail(f"{entry.path} is a hard link to {entry.target}, which is a directory")
        return node if node.layer == layer else replace(node, layer=layer)

    def _just_removed(self, path: str, layer: int) -> Node | None:
        """A lower file that this layer deletes, perhaps only after the link to it: so a file is renamed."""
        removal = self.removed.get(path)
        return removal.node if removal is not None and removal.layer == layer else None

    def _seen_directory(self, path: str) -> Directory | None:
        """The directory that a path leads to with every link followed; None where it leads to none."""
        trail = [self.root]
        names = path.split("/")[:0:-1]
        links = 0
        while names:
            name = names.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(trail) > 1:
                    trail.pop()
                continue
            child = trail[-1].children.get(name)
            if isinstance(child, Directory):
                trail.append(child)
                continue
            if child is None or child.kind is not FileKind.SYMLINK or links == _LINKS:
                return None
            links += 1
            if child.target.startswith("/"):
                trail = [self.root]
            names += child.target.split("/")[::-1]
        return trail[-1]

    def _record(self, path: str, gone: Directory | Node, layer: int) -> None:
        """Remember what this layer takes away of what lower layers wrote."""
        left: list[tuple[str, Directory | Node]] = [(path, gone)]
        while left:
            path, item = left.pop()
            node = item
            if isinstance(item, Directory):
                node = item.node
                left += [(f"{path}/{name}", child) for name, child in item.children.items()]
            assert isinstance(node, Node)
            if node.layer is not None and node.layer != layer:
                self.removed[path] = Removal(path, node.layer, layer, node)

    def _fail(self, what: str) -> NoReturn:
        raise CorruptImage(what, self._where, "no container runtime unpacks this layer; build the image again")


def _base(path: str) -> str:
    return path.rpartition("/")[2]
