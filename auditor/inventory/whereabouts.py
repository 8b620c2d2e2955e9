"""What the image shows of a name that is asked for and not found."""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec.structs import replace

from auditor.elf.model import LoadFault
from auditor.filetree import FileKind, FileTree, LookupFault, Node
from auditor.inventory.model import LibraryFile, Place, Problem, Tool, Unusable, Whereabouts
from auditor.process.model import LaunchFault
from auditor.process.path import SearchPath, lookup

_VERSIONED_LIBRARY = re.compile(r"lib.+\.so\.\d.*")
_STEM = re.compile(r"(.+?\.so)(?:\..*)?", re.DOTALL)


class NameIndex:
    """Every file name of a tree with the paths that have it; links and regular files, no directories."""

    def __init__(self, tree: FileTree, soname: Callable[[str], str | None]) -> None:
        self._tree = tree
        self._soname = soname  # of the ELF file at a path
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

    def of_file(self, name: str) -> Whereabouts:
        """The layers that deleted the name, and where it lies."""
        return Whereabouts(name, self._gone(name), tuple(self._elsewhere(name)))

    def of_program(self, name: str, unusable: Iterable[Unusable]) -> Whereabouts:
        """The same of a program: elsewhere are only files with an x bit, and none of the unusable ones."""
        bad = tuple(unusable)
        bad_paths = {entry.path for entry in bad}
        elsewhere = tuple(
            place
            for place in self._elsewhere(name)
            if place.path not in bad_paths and (node := self._tree.find(place.path).node) and node.mode & 0o111
        )
        return Whereabouts(name, self._gone(name), elsewhere, unusable=bad)

    def of_library(self, name: str, passed_over: Container[str]) -> Whereabouts:
        """The same of a library; `passed_over` are real paths that the loader did look at.

        Siblings are other sonames of the library. A file that has the soname under a name of its own is unlinked:
        the link that ldconfig(8) makes is missing.
        """
        elsewhere = tuple(
            place for place in self._elsewhere(name) if self._tree.find(place.path).path not in passed_over
        )
        siblings: set[str] = set()
        unlinked: list[Place] = []
        for other, path in self._same_library(name):
            node = self._tree.find(path).node
            soname = self._soname(path) or other
            if node is None or self._tree.find(path).path in passed_over:
                continue
            if soname == name:
                unlinked.append(Place(path, node.layer))
            else:
                siblings.add(soname)
        gone = self._gone(name)
        return Whereabouts(name, gone, elsewhere, tuple(sorted(siblings)), unlinked=tuple(unlinked))

    def _gone(self, name: str) -> tuple[Place, ...]:
        removals = sorted(self._tree.removals(name), key=lambda removal: (removal.layer, removal.path))
        return tuple(Place(removal.path, removal.layer) for removal in removals)

    def _elsewhere(self, name: str) -> Iterator[Place]:
        for path in sorted(self._paths.get(name, ())):
            node = self._tree.find(path).node
            if node is not None and _is_file(node):
                yield Place(path, node.layer)

    def _same_library(self, name: str) -> Iterator[tuple[str, str]]:
        """(file name, path) of what is called like the library but for the numbers behind `.so`."""
        stem = _STEM.fullmatch(name)
        for other in self._of_library.get(stem.group(1), ()) if stem else ():
            if other != name:
                yield from (
                    (other, path) for path in sorted(self._paths[other]) if _is_file(self._tree.find(path).node)
                )

    @cached_property
    def _of_library(self) -> Mapping[str, Sequence[str]]:
        """The names by what they begin with up to `.so`, sorted: a program may lack thousands of libraries."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._paths):
            if stem := _STEM.fullmatch(name):
                found[stem.group(1)].append(name)
        return found


def _is_file(node: Node | None) -> bool:
    return node is not None and node.kind is FileKind.REGULAR


def reached_names(tree: FileTree, names: Iterable[str], search: SearchPath) -> dict[str, tuple[str, str]]:
    """Names that PATH leads to, each with the path that execvp(3) takes and the real path."""
    found = {name: lookup(tree, name, search) for name in sorted(set(names))}
    return {name: (at.path or "", at.real_path) for name, at in found.items()}


def whereabouts(
    tree: FileTree,
    index: NameIndex,
    search: SearchPath,
    programs: Iterable[str],
    plugins: Iterable[str],
    problems: Iterable[Problem],
) -> tuple[Whereabouts, ...]:
    """Of programs and plug-ins (file names) that are asked for and not there, and of libraries that something lacks."""
    programs = set(programs)
    passed_over: dict[str, set[str]] = {}
    for problem in problems:
        if problem.fault is LoadFault.LIBRARY_MISSING:
            paths = {tree.find(path).path for path, _ in problem.passed_over}
            passed_over.setdefault(problem.name.rpartition("/")[2], set()).update(paths)
    return (
        *(index.of_program(name, _unusable(tree, name, search)) for name in sorted(programs)),
        *(index.of_library(name, passed_over[name]) for name in sorted(passed_over.keys() - programs)),
        *(index.of_file(name) for name in sorted(plugins) if name in index or tree.removals(name)),
    )


def with_place(tool: Tool, programs: Iterable[str], known: Iterable[Whereabouts]) -> Tool:
    """A tool of which PATH reaches nothing, with what the image has of it as the reason."""
    if tool.binaries:
        return tool
    mine = [entry for entry in known if entry.name in set(programs)]
    unusable = next((bad for entry in mine for bad in entry.unusable), None)
    if unusable is not None:
        return replace(tool, reason=f"{unusable.path} is {unusable.reason}")
    elsewhere = next((place for entry in mine for place in entry.elsewhere), None)
    return tool if elsewhere is None else replace(tool, reason=f"not on PATH: {elsewhere.path}")


def _unusable(tree: FileTree, name: str, search: SearchPath) -> tuple[Unusable, ...]:
    found = lookup(tree, name, search)
    entries = []
    for path, fault in found.passed_over:
        at = tree.find(path)
        if at.node is not None:
            entries.append(Unusable(path, _WORDS.get(fault, fault.value), at.node.layer))
            continue
        reason = "a link in a circle" if at.fault is LookupFault.LOOP else f"a dangling link to {at.path}"
        removals = [removal for removal in tree.removals(at.path.rpartition("/")[2]) if removal.path == at.path]
        link = tree.lstat(at.links[-1] if at.links else path)
        layer = removals[-1].layer if removals else (link.layer if link else None)
        entries.append(Unusable(path, reason, layer))
    return tuple(entries)


_WORDS = {LaunchFault.NOT_EXECUTABLE: "not an executable file"}
