"""What the image shows of a name that is asked for and not found."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable

from auditor.filetree import FileKind, FileTree, Node
from auditor.inventory.model import LibraryFile, Place, Unusable, Whereabouts

_VERSIONED_LIBRARY = re.compile(r"lib.+\.so\.\d.*")
_STEM = re.compile(r"(.+?\.so)(?:\..*)?")


class NameIndex:
    """Every file name of a tree with the paths that have it; links and regular files, no directories."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._paths: dict[str, list[str]] = defaultdict(list)
        for path, node in tree.walk():
            if node.kind in (FileKind.REGULAR, FileKind.SYMLINK):
                self._paths[path.rpartition("/")[2]].append(path)

    def libraries(self) -> tuple[LibraryFile, ...]:
        """Every versioned shared library (`libNAME.so.N…`) that leads to a file, by name and path."""
        return tuple(
            LibraryFile(name, path)
            for name in sorted(self._paths)
            if _VERSIONED_LIBRARY.fullmatch(name)
            for path in self._paths[name]
            if _is_file(self._tree.find(path).node)
        )

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def of(
        self, name: str, unusable: Iterable[Unusable] = (), known: Container[str] = (), *, executable: bool = False
    ) -> Whereabouts:
        """The layers that deleted the name, where else it lies, and its siblings of another version.

        Not elsewhere are the real paths in `known`, and, of a program, files without an x bit.
        """
        removals = sorted(self._tree.removals(name), key=lambda removal: (removal.layer, removal.path))
        bad = tuple(unusable)
        bad_paths = {entry.path for entry in bad}
        elsewhere = []
        for path in sorted(self._paths.get(name, ())):
            found = self._tree.find(path)
            if path in bad_paths or found.path in known or not _is_file(found.node):
                continue
            if found.node is not None and (found.node.mode & 0o111 or not executable):
                elsewhere.append(Place(path, found.node.layer))
        return Whereabouts(
            name=name,
            gone=tuple(Place(removal.path, removal.layer) for removal in removals),
            elsewhere=tuple(elsewhere),
            siblings=self._siblings(name),
            unusable=bad,
        )

    def _siblings(self, name: str) -> tuple[str, ...]:
        stem = _STEM.fullmatch(name)
        if stem is None:
            return ()
        prefix = stem.group(1)
        return tuple(
            sorted(
                other
                for other, paths in self._paths.items()
                if other != name
                and (other == prefix or other.startswith(f"{prefix}."))
                and any(_is_file(self._tree.find(path).node) for path in paths)
            )
        )


def _is_file(node: Node | None) -> bool:
    return node is not None and node.kind is FileKind.REGULAR
