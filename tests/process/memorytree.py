"""A file tree made from a dictionary, for tests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.filetree import FileKind, Found, LookupFault, Node, Removal
from fixtures.contents import Bytes

MAX_LINKS = 40


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class File:
    """A file with a mode of its own; plain text and bytes are executable. `kept`: its bytes can be read."""

    data: str | bytes
    mode: int = 0o755
    kept: bool = True


Entry = str | bytes | Link | File | None  # None: a directory


class MemoryTree:
    """Parents are made as needed; every link is followed inside the root."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._nodes: dict[str, Node] = {"/": self._directory(0)}
        for path, entry in entries.items():
            self._parents(path)
            self._nodes[path] = self._node(entry, len(self._nodes))

    def _parents(self, path: str) -> None:
        parts = path.strip("/").split("/")[:-1]
        for count in range(1, len(parts) + 1):
            self._nodes.setdefault("/" + "/".join(parts[:count]), self._directory(len(self._nodes)))

    @staticmethod
    def _directory(inode: int) -> Node:
        return Node(FileKind.DIRECTORY, 0o755, 0, 0, 0, inode, 0)

    def _node(self, entry: Entry, inode: int) -> Node:
        if entry is None:
            return self._directory(inode)
        if isinstance(entry, Link):
            return Node(FileKind.SYMLINK, 0o777, 0, 0, 0, inode, 0, target=entry.target)
        file = entry if isinstance(entry, File) else File(entry)
        data = file.data.encode("utf-8", "surrogateescape") if isinstance(file.data, str) else file.data
        return Node(FileKind.REGULAR, file.mode, 0, 0, len(data), inode, 0, content=Bytes(data) if file.kept else None)

    def find(self, path: str) -> Found:
        return self._find(path, last=True)

    def _find(self, path: str, *, last: bool) -> Found:
        waiting = [part for part in path.split("/") if part][::-1]
        at: list[str] = []
        links: list[str] = []
        while waiting:
            part = waiting.pop()
            if part == ".":
                continue
            if part == "..":
                at = at[:-1]
                continue
            here = "/" + "/".join([*at, part])
            node = self._nodes.get(here)
            if node is None:
                fault = LookupFault.DANGLING if links else LookupFault.MISSING
                return Found(here, None, tuple(links), fault)
            if node.kind is FileKind.SYMLINK and (waiting or last):
                links.append(here)
                if len(links) > MAX_LINKS:
                    return Found(here, None, tuple(links), LookupFault.LOOP)
                if node.target.startswith("/"):
                    at = []
                waiting.extend([piece for piece in node.target.split("/") if piece][::-1])
                continue
            if waiting and node.kind is not FileKind.DIRECTORY:
                return Found(here, None, tuple(links), LookupFault.NOT_A_DIRECTORY)
            at.append(part)
        real = "/" + "/".join(at)
        return Found(real, self._nodes[real], tuple(links))

    def lstat(self, path: str) -> Node | None:
        return self._find(path, last=False).node

    def listdir(self, path: str) -> tuple[str, ...]:
        found = self.find(path)
        if found.node is None or found.node.kind is not FileKind.DIRECTORY:
            return ()
        prefix = found.path.rstrip("/") + "/"
        names = (other[len(prefix) :] for other in self._nodes if other.startswith(prefix) and other != prefix)
        return tuple(sorted(name for name in names if name and "/" not in name))

    def walk(self) -> Iterator[tuple[str, Node]]:
        for path in sorted(self._nodes):
            if path != "/":
                yield path, self._nodes[path]

    def removals(self, name: str) -> tuple[Removal, ...]:  # noqa: ARG002
        return ()
