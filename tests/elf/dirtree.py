"""A directory of the machine as a file tree, links resolved inside it: for objects that a test has just compiled."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from auditor.filetree import FileKind, Found, LookupFault, Node, Removal
from fixtures.contents import OnDisk


@dataclass(frozen=True)
class DirTree:
    """The files under `root`."""

    root: Path
    _nodes: dict[str, Node | None] = field(default_factory=dict)

    def _node(self, path: str) -> Node | None:
        if path not in self._nodes:
            self._nodes[path] = self._stat(path)
        return self._nodes[path]

    def _stat(self, path: str) -> Node | None:
        place = Path(f"{self.root}{path}")
        try:
            status = place.lstat()
        except OSError:
            return None
        kind = FileKind.of_mode(status.st_mode) or FileKind.FIFO
        link = kind is FileKind.SYMLINK
        regular = kind is FileKind.REGULAR
        capabilities = b""
        if regular and "security.capability" in os.listxattr(place):
            capabilities = os.getxattr(place, "security.capability")
        return Node(
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size,
            inode=status.st_ino,
            layer=None,
            target=str(place.readlink()) if link else "",
            capabilities=capabilities,
            content=OnDisk(place) if regular else None,
        )

    def find(self, path: str) -> Found:
        return self._follow(path, last=True)

    def _follow(self, path: str, *, last: bool) -> Found:
        parts = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        here = ""
        links: list[str] = []
        node = self._node("/")
        while parts:
            part = parts.pop()
            if node is None:
                return Found(
                    f"{here}/{part}", None, tuple(links), LookupFault.DANGLING if links else LookupFault.MISSING
                )
            if node.kind is not FileKind.DIRECTORY:
                return Found(here, None, tuple(links), LookupFault.NOT_A_DIRECTORY)
            if part == "..":
                here = here.rpartition("/")[0]
                node = self._node(here or "/")
                continue
            child = self._node(f"{here}/{part}")
            if child is not None and child.kind is FileKind.SYMLINK and (parts or last):
                links.append(f"{here}/{part}")
                if len(links) > 40:
                    return Found(f"{here}/{part}", None, tuple(links), LookupFault.LOOP)
                if child.target.startswith("/"):
                    here, node = "", self._node("/")
                parts.extend(step for step in reversed(child.target.split("/")) if step not in ("", "."))
                continue
            here, node = f"{here}/{part}", child
        if node is None:
            return Found(here, None, tuple(links), LookupFault.DANGLING if links else LookupFault.MISSING)
        return Found(here or "/", node, tuple(links))

    def lstat(self, path: str) -> Node | None:
        return self._follow(path, last=False).node

    def listdir(self, path: str) -> tuple[str, ...]:
        found = self.find(path)
        if found.node is None or found.node.kind is not FileKind.DIRECTORY:
            return ()
        return tuple(sorted(entry.name for entry in Path(f"{self.root}{found.path}").iterdir()))

    def walk(self) -> Iterator[tuple[str, Node]]:
        paths = sorted(f"/{path.relative_to(self.root)}" for path in self.root.rglob("*"))
        for path in paths:
            node = self._node(path)
            if node is not None:
                yield path, node

    def removals(self, name: str) -> tuple[Removal, ...]:  # noqa: ARG002
        return ()
