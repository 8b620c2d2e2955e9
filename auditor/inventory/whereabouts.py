"""What the image shows of a name that is asked for and not found."""

import re
from collections import defaultdict
from collections.abc import Iterable

from auditor.filetree import FileKind, FileTree
from auditor.inventory.model import Gone, LibraryFile, Unusable, Whereabouts

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
            if self._is_file(path)
        )

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def of(self, name: str, unusable: Iterable[Unusable] = ()) -> Whereabouts:
        """The layers that deleted the name, where else it lies, and its siblings of another version."""
        removals = sorted(self._tree.removals(name), key=lambda removal: (removal.layer, removal.path))
        bad = tuple(unusable)
        bad_paths = {entry.path for entry in bad}
        elsewhere = (path for path in self._paths.get(name, ()) if path not in bad_paths and self._is_file(path))
        return Whereabouts(
            name=name,
            gone=tuple(Gone(removal.path, removal.layer) for removal in removals),
            elsewhere=tuple(sorted(elsewhere)),
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
                and any(self._is_file(path) for path in paths)
            )
        )

    def _is_file(self, path: str) -> bool:
        node = self._tree.find(path).node
        return node is not None and node.kind is FileKind.REGULAR
