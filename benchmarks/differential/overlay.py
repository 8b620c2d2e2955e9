"""A file tree with one file of it replaced."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from auditor.filetree import FileKind, FileTree, Found, LookupFault, Node, Removal
from fixtures.contents import Bytes


@dataclass(frozen=True)
class Overlay:
    """`base`, but `path` (a real path) has other bytes and another mode; `data` None: it is gone."""

    base: FileTree
    path: str
    data: bytes | None
    mode: int

    def find(self, path: str) -> Found:
        """As in the base."""
        found = self.base.find(path)
        if found.path != self.path or found.node is None:
            return found
        if self.data is None:
            return Found(found.path, None, found.links, LookupFault.DANGLING if found.links else LookupFault.MISSING)
        return replace(found, node=self._changed(found.node))

    def lstat(self, path: str) -> Node | None:
        """As in the base."""
        node = self.base.lstat(path)
        if node is None or node.kind is FileKind.SYMLINK or self.base.find(path).path != self.path:
            return node
        return None if self.data is None else self._changed(node)

    def listdir(self, path: str) -> tuple[str, ...]:
        """As in the base, whether the file is there or not."""
        return self.base.listdir(path)

    def walk(self) -> Iterator[tuple[str, Node]]:
        """As in the base."""
        for path, node in self.base.walk():
            if path != self.path:
                yield path, node
            elif self.data is not None:
                yield path, self._changed(node)

    def removals(self, name: str) -> tuple[Removal, ...]:
        """As in the base."""
        return self.base.removals(name)

    def _changed(self, node: Node) -> Node:
        assert self.data is not None
        return replace(node, size=len(self.data), mode=self.mode, content=Bytes(self.data))
