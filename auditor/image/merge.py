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

from collections.abc import Callable, Sequence
from typing import NoReturn

from msgspec.structs import replace

from auditor.budget import Budget
from auditor.errors import CorruptImage
from auditor.filetree import FileKind, LinkedWhiteout, Node, Removal
from auditor.image.layer import LayerEntry, text_size

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_META = ".wh..wh."  # aufs' own bookkeeping; only the opaque mark has a meaning elsewhere
_LINKS = 40


class Directory:
    """One directory of the merged tree: its own node and what is in it. `parent` is None for the root only."""

    __slots__ = ("children", "name", "node", "parent")

    def __init__(self, parent: "Directory | None", name: str, node: Node) -> None:
        self.parent = parent
        self.name = name
        self.node = node
        self.children: dict[str, Directory | Node] = {}

    @property
    def path(self) -> str:
        """ "" for the root, so that a child's path is always path + "/" + name; not kept, since it may be long."""
        names = []
        here = self
        while here.parent is not None:
            names.append(here.name)
            here = here.parent
        return "/".join(["", *reversed(names)])


class Merge:
    """Takes layers from the lowest up; `root` and `removed` are the outcome."""

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        self._inodes = 0
        self.root = Directory(None, "", Node(FileKind.DIRECTORY, 0o755, 0, 0, 0, 0, None))
        self.removed: dict[str, Removal] = {}
        self.linked_whiteouts: list[LinkedWhiteout] = []
        self._where = ""
        self._made: dict[str, Directory] = {}  # directories by the name that the current layer calls them

    def apply(self, layer: int, entries: Sequence[LayerEntry], where: str) -> None:
        """Lay one more layer on top; `where` names it in errors. Raises CorruptImage for what no runtime unpacks."""
        self._where = where
        self._made.clear()
        marked = False
        for entry in entries:
            if entry.name.startswith(WHITEOUT):
                marked = True
                self._whiteout(entry, layer)
        for entry in entries:
            directory, name = entry.directory, entry.name
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

    def _whiteout(self, entry: LayerEntry, layer: int) -> None:
        name = entry.name
        if name == WHITEOUT:
            self._fail(f"{entry.path} is a whiteout of nothing")
        parent = self._existing(entry.directory)
        if parent is None:
            self._through_link(entry, layer)
            return
        if name == OPAQUE:
            path = parent.path
            for hidden, child in parent.children.items():
                self._record(f"{path}/{hidden}", child, layer)
            parent.children.clear()
            return
        hidden = name[len(WHITEOUT) :]
        gone = parent.children.pop(hidden, None)
        if gone is not None:
            self._record(f"{parent.path}/{hidden}", gone, layer)

    def _through_link(self, entry: LayerEntry, layer: int) -> None:
        """Remember a whiteout that leads to something only where links are followed."""
        reached = self._seen_directory(entry.directory)
        hidden = entry.name.removeprefix(WHITEOUT)
        if reached is not None and hidden in reached.children:
            path = f"{entry.directory}/{hidden}"
            self.linked_whiteouts.append(LinkedWhiteout(path, f"{reached.path}/{hidden}", layer))

    def _existing(self, path: str) -> Directory | None:
        """The directory at a path without links; None where there is none."""
        here = self.root
        names = path.split("/")[1:]
        self._budget.lookups.take(len(names), self._where)
        for name in names:
            child = here.children.get(name)
            if not isinstance(child, Directory):
                return None
            here = child
        return here

    def _directory(self, path: str, layer: int) -> Directory:
        """The directory that an entry of this layer goes into, made where it isn't there."""

        def made(here: Directory, name: str, child: Node | None) -> Directory | str:
            if child is None or child.layer != layer:
                return self._new_directory(here, name, layer)
            if child.kind is not FileKind.SYMLINK:
                self._fail(f"{here.path}/{name} is a file and has files below it")
            return child.target

        found = self._walk(path, made)
        if found is None:
            self._fail(f"{path} has too many levels of symbolic links")
        self._made[path] = found
        return found

    def _new_directory(self, parent: Directory, name: str, layer: int) -> Directory:
        """A parent that no layer names; what a lower layer has at its place and isn't a directory is hidden."""
        hidden = parent.children.get(name)
        if hidden is not None:
            self._record(f"{parent.path}/{name}", hidden, layer)
        self._restored(parent, name)
        return self._made_in(parent, name, Node(FileKind.DIRECTORY, 0o755, 0, 0, 0, self._number(), layer))

    def _made_in(self, parent: Directory, name: str, node: Node) -> Directory:
        self._budget.directories.take(1, self._where)
        made = parent.children[name] = Directory(parent, name, node)
        return made

    def _restored(self, parent: Directory, name: str) -> None:
        """Something is there again."""
        if self.removed:
            self.removed.pop(f"{parent.path}/{name}", None)

    def _put(self, parent: Directory, name: str, entry: LayerEntry, layer: int) -> None:
        before = parent.children.get(name)
        if entry.kind is FileKind.DIRECTORY:
            if isinstance(before, Directory):
                before.node = self._node(entry, layer)
            else:
                if before is not None:
                    self._record(f"{parent.path}/{name}", before, layer)
                self._made_in(parent, name, self._node(entry, layer))
            self._restored(parent, name)
            return
        node = self._link(entry, layer) if entry.kind is None else self._node(entry, layer)
        if isinstance(before, Directory):
            self._record(f"{parent.path}/{name}", before, layer)
            self._made.clear()
        parent.children[name] = node
        self._restored(parent, name)

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
        return self._walk(path, lambda _here, _name, child: _target(child))

    def _walk(
        self, path: str, otherwise: Callable[[Directory, str, Node | None], Directory | str | None]
    ) -> Directory | None:
        """The directory that a path leads to; None where it leads to none or crosses too many links.

        What is no directory on the way, `otherwise` turns into one, or into the target of a link that is followed.
        """
        trail = [self.root]
        names = self._parts(path)
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
            step = child if isinstance(child, Directory) else otherwise(trail[-1], name, child)
            if isinstance(step, Directory):
                trail.append(step)
                continue
            if step is None or links == _LINKS:
                return None
            links += 1
            if step.startswith("/"):
                trail = [self.root]
            names += self._parts(step)
        return trail[-1]

    def _parts(self, target: str) -> list[str]:
        """The names in a path, the first one last."""
        names = target.split("/")[::-1]
        self._budget.lookups.take(len(names), self._where)
        return names

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
                self._budget.names.take(text_size(path), self._where)
                self.removed[path] = Removal(path, layer, node)

    def _fail(self, what: str) -> NoReturn:
        raise CorruptImage(what, self._where, "no container runtime unpacks this layer; build the image again")


def _target(node: Node | None) -> str | None:
    """Where a link points; None for what is none."""
    return node.target if node is not None and node.kind is FileKind.SYMLINK else None
