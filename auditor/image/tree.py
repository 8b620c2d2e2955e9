"""The merged tree, looked into: every link resolved inside the root, as path_resolution(7) has it in a chroot."""

from collections.abc import Iterator, Mapping

from auditor.budget import Budget
from auditor.filetree import FileKind, Found, LookupFault, Node, Removal
from auditor.image.merge import Directory

_LINKS = 40  # MAXSYMLINKS of the kernel


class MergedTree:
    """An `auditor.filetree.FileTree` over directories that don't change any more."""

    def __init__(self, root: Directory, removed: Mapping[str, Removal], budget: Budget | None = None) -> None:
        self._root = root
        self._lookups = (budget or Budget()).lookups
        self._removed = removed
        self._removals: dict[str, list[Removal]] | None = None
        self._found: dict[str, Found] = {}
        self._directories: dict[str, Directory | None] = {}

    def find(self, path: str) -> Found:
        """Follow every link, also the last, as open(2) would in a chroot: 40 at most (path_resolution(7))."""
        found = self._found.get(path)
        if found is None:
            found = self._found[path] = self._resolve(path)[0]
        return found

    def lstat(self, path: str) -> Node | None:
        """The node at `path`; links in its directory part are followed, the last name isn't."""
        directory, _, name = path.rstrip("/").rpartition("/")
        parent = self._directory(directory)
        if parent is None:
            return None
        if name in ("", "."):
            return parent.node
        if name == "..":
            found = self._resolve(path)[1]
            return None if found is None else found.node
        child = parent.children.get(name)
        return child.node if isinstance(child, Directory) else child

    def listdir(self, path: str) -> tuple[str, ...]:
        """Sorted names in the directory that `path` leads to; empty where it leads to none."""
        directory = self._directory(path)
        return () if directory is None else tuple(sorted(directory.children))

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every path but the root with its node, sorted by path; no link followed."""
        left = [("/", iter(_in_order(self._root)))]
        while left:
            prefix, items = left[-1]
            item = next(items, None)
            if item is None:
                left.pop()
                continue
            name, node, below = item
            if node is not None:
                yield prefix + name, node
            if below is not None:
                left.append((prefix + name, iter(_in_order(below))))

    def removals(self, name: str) -> tuple[Removal, ...]:
        """What layers deleted and no later one restored, of this file name (last component), in path order."""
        if self._removals is None:
            by_name: dict[str, list[Removal]] = {}
            for path in sorted(self._removed):
                by_name.setdefault(path.rpartition("/")[2], []).append(self._removed[path])
            self._removals = by_name
        return tuple(self._removals.get(name, ()))

    def _directory(self, path: str) -> Directory | None:
        try:
            return self._directories[path]
        except KeyError:
            directory = self._directories[path] = self._resolve(path or "/")[1]
            return directory

    def _parts(self, path: str) -> list[str]:
        """The names in a path, the first one last."""
        names = path.split("/")[::-1]
        self._lookups.take(len(names), path[:200])
        return names

    def _resolve(self, path: str) -> tuple[Found, Directory | None]:
        """Where a path leads, and the directory there if it is one."""
        trail = [self._root]
        names = self._parts(path)  # what is left to follow, the next one last
        own = len(names)  # how many of them, from the bottom, the caller wrote; the others come from links
        links: list[str] = []
        must_be_directory = path.endswith(("/", "/."))
        while names:
            from_link = len(names) > own
            name = names.pop()
            own = min(own, len(names))
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
            at = f"{here.path}/{name}"
            if child is None:
                fault = LookupFault.DANGLING if from_link else LookupFault.MISSING
                return Found(_join(at, names), None, tuple(links), fault), None
            if child.kind is FileKind.SYMLINK:
                if len(links) == _LINKS:
                    return Found(_join(at, names), None, tuple(links), LookupFault.LOOP), None
                links.append(at)
                if not child.target:  # symlink(2) makes none, a tar can
                    return Found(_join(at, names), None, tuple(links), LookupFault.DANGLING), None
                if child.target.startswith("/"):
                    trail = [self._root]
                must_be_directory = must_be_directory or (not names and child.target.endswith(("/", "/.")))
                names += self._parts(child.target)
                continue
            if any(names) or (must_be_directory and not any(names)):
                return Found(_join(at, names), None, tuple(links), LookupFault.NOT_A_DIRECTORY), None
            return Found(at, child, tuple(links)), None
        here = trail[-1]
        return Found(here.path or "/", here.node, tuple(links)), here


def _in_order(directory: Directory) -> list[tuple[str, Node | None, Directory | None]]:
    """What is in a directory as a walk by path meets it: `a`, then `a-b`, and only then what is below `a/`."""
    found: list[tuple[str, Node | None, Directory | None]] = []
    for name, child in directory.children.items():
        if isinstance(child, Directory):
            found += ((name, child.node, None), (f"{name}/", None, child))
        else:
            found.append((name, child, None))
    found.sort(key=_name)
    return found


def _name(item: tuple[str, Node | None, Directory | None]) -> str:
    return item[0]


def _join(at: str, left: list[str]) -> str:
    """`at` and what could not be followed below it, without `.` and empty parts."""
    return "/".join([at, *(name for name in reversed(left) if name not in ("", "."))])
