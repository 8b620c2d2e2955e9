"""Small trees to read databases from: a table of paths, or a directory of this machine."""

import posixpath
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from auditor.filetree import FileKind, Found, LookupFault, Node, Removal
from fixtures.contents import Bytes, OnDisk


class _Tree:
    """A FileTree of anything that can say what node one real path has."""

    def node(self, path: str) -> Node | None:
        raise NotImplementedError

    def names(self, path: str) -> tuple[str, ...]:
        raise NotImplementedError

    def find(self, path: str) -> Found:
        pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        links: list[str] = []
        here = "/"
        while pending:
            part = pending.pop()
            if part == "..":
                here = posixpath.dirname(here)
                continue
            child = posixpath.join(here, part)
            node = self.node(child)
            if node is None:
                fault = LookupFault.DANGLING if links else LookupFault.MISSING
                return Found(posixpath.join(child, *reversed(pending)), None, tuple(links), fault)
            if node.kind is FileKind.SYMLINK:
                links.append(child)
                if len(links) > 40:
                    return Found(child, None, tuple(links), LookupFault.LOOP)
                here = "/" if node.target.startswith("/") else here
                pending += [part for part in reversed(node.target.split("/")) if part not in ("", ".")]
                continue
            if pending and node.kind is not FileKind.DIRECTORY:
                return Found(child, None, tuple(links), LookupFault.NOT_A_DIRECTORY)
            here = child
        return Found(here, self.node(here), tuple(links))

    def lstat(self, path: str) -> Node | None:
        parent, name = posixpath.split(path.rstrip("/") or "/")
        found = self.find(parent)
        return self.node(posixpath.join(found.path, name) if name else "/") if found.node else None

    def listdir(self, path: str) -> tuple[str, ...]:
        found = self.find(path)
        directory = found.node is not None and found.node.kind is FileKind.DIRECTORY
        return self.names(found.path) if directory else ()

    def walk(self) -> Iterator[tuple[str, Node]]:
        pending = ["/"]
        while pending:
            here = pending.pop()
            for name in self.names(here):
                path = posixpath.join(here, name)
                node = self.node(path)
                assert node is not None
                yield path, node
                if node.kind is FileKind.DIRECTORY:
                    pending.append(path)

    def removals(self, name: str) -> tuple[Removal, ...]:  # noqa: ARG002
        return ()


class TableTree(_Tree):
    """Paths with contents: bytes or text are a file, "-> target" is a symlink, None a directory."""

    def __init__(self, table: Mapping[str, bytes | str | None]) -> None:
        self.nodes: dict[str, Node] = {"/": node(FileKind.DIRECTORY)}
        for path, value in table.items():
            parent = posixpath.dirname(path)
            while parent not in self.nodes:
                self.nodes[parent] = node(FileKind.DIRECTORY)
                parent = posixpath.dirname(parent)
            self.nodes[path] = replace(_node_of(value), inode=len(self.nodes))

    def node(self, path: str) -> Node | None:
        return self.nodes.get(path)

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(posixpath.basename(p) for p in self.nodes if p != "/" and posixpath.dirname(p) == path))


class DirectoryTree(_Tree):
    """A directory of this machine as a root file system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def node(self, path: str) -> Node | None:
        place = self.root / path.lstrip("/")
        try:
            status = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        kind = FileKind.of_mode(status.st_mode)
        assert kind is not None
        return Node(
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_size,
            status.st_ino,
            None,
            target=str(place.readlink()) if kind is FileKind.SYMLINK else "",
            content=OnDisk(place) if kind is FileKind.REGULAR else None,
        )

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(child.name for child in (self.root / path.lstrip("/")).iterdir()))


def node(kind: FileKind, data: bytes | None = None, target: str = "") -> Node:
    content = Bytes(data) if data is not None else None
    return Node(kind, 0o755, 0, 0, len(data or b""), 0, 0, target=target, content=content)


def _node_of(value: bytes | str | None) -> Node:
    if value is None:
        return node(FileKind.DIRECTORY)
    if isinstance(value, str) and value.startswith("-> "):
        return node(FileKind.SYMLINK, target=value.removeprefix("-> "))
    return node(FileKind.REGULAR, value.encode() if isinstance(value, str) else value)
