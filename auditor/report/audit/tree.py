"""The closure of a program as a tree: who needs what, and by which of the loader's rules it was found."""

import math
import posixpath
from collections.abc import Collection, Iterator, Mapping

from msgspec.structs import replace

from auditor.elf.model import LoadFault
from auditor.inventory.model import Binary, ClosureEntry, ElfObject, Inventory
from auditor.report.page import Branch
from auditor.report.words import listed

AGAIN = "shown above"
NOT_FOUND = "not found"
LOADED = "loaded with it"
PARTLY = "only what is missing is kept"


def closure_tree(inventory: Inventory, binary: Binary, depth: float = math.inf) -> Branch:
    """The program as the root; under each file what it needs itself, each subtree drawn once, `depth` levels of it."""
    objects = {entry.path: entry for entry in inventory.objects}
    # A loader is asked for by its whole path, and so is a library whose name has a slash.
    found = {posixpath.basename(entry.soname): entry for entry in binary.closure}
    return _branch(inventory, binary, binary.resolved_path, objects, found, {}, depth)


def others_lacking(inventory: Inventory, drawn: Collection[str]) -> Iterator[Branch]:
    """The other programs that lack libraries, but for those that are `drawn`: what they do find is not kept."""
    lacking: dict[str, dict[str, list[Branch]]] = {}
    for problem in inventory.problems:
        if problem.fault is LoadFault.LIBRARY_MISSING:
            for program in problem.programs:
                if program not in drawn:
                    gone = lacking.setdefault(program, {}).setdefault(problem.path, [])
                    gone.append(Branch(problem.name, NOT_FOUND, "missing"))
    for program, by_path in lacking.items():
        own = by_path.pop(program, [])
        loaded = (Branch(path, LOADED, branches=tuple(gone)) for path, gone in by_path.items())
        yield Branch(program, PARTLY, branches=(*own, *loaded))


def _branch(
    inventory: Inventory,
    binary: Binary,
    path: str,
    objects: Mapping[str, ElfObject],
    found: Mapping[str, ClosureEntry],
    shown: dict[str, float],
    depth: float,
) -> Branch:
    """`shown` are the files whose needs are drawn, and how deep: one that comes up nearer the root is drawn again."""
    here = objects.get(path)
    entry = _entry(path, here, found)
    text = f"{entry.soname} => {entry.path}" if entry else path
    rule = entry.found_by if entry else ""
    missing = _missing(inventory, binary, path)
    needs = tuple(need for need in here.needs if need != path) if here else ()
    if shown.get(path, -1) >= depth > 0:
        return Branch(text, listed((rule, AGAIN if needs or missing else "")))
    if depth <= 0:
        return Branch(text, rule)
    shown[path] = depth
    below = [_branch(inventory, binary, need, objects, found, shown, depth - 1) for need in needs]
    return Branch(text, rule, branches=(*missing, *below))


def _entry(path: str, here: ElfObject | None, found: Mapping[str, ClosureEntry]) -> ClosureEntry | None:
    """The closure names a library by what asks for it, the object by its real path: the soname is in both."""
    names = ((here.soname or "") if here else "", posixpath.basename(path))
    return next((found[name] for name in names if name in found), None)


def _missing(inventory: Inventory, binary: Binary, path: str) -> tuple[Branch, ...]:
    return tuple(
        Branch(problem.name, NOT_FOUND, "missing")
        for problem in inventory.problems
        if problem.path == path
        and problem.fault is LoadFault.LIBRARY_MISSING
        and binary.resolved_path in problem.programs
    )


def ways_to(root: Branch, soname: str, drawn: Branch) -> Branch | None:
    """`drawn`, the tree or its upper levels, with only what leads to a library of the tree, be it found or missing.

    None where nothing does.
    """
    known: set[str] = set()
    return None if _leading(root, soname, known) is None else _leading(drawn, soname, known)


def lacks(root: Branch) -> bool:
    """Whether a library is missing anywhere in the tree."""
    left = [root]
    while left:
        branch = left.pop()
        if branch.kind == "missing":
            return True
        left += branch.branches
    return False


def cut(root: Branch, depth: float) -> Branch:
    """The tree down to `depth` levels below the root."""
    below = tuple(cut(branch, depth - 1) for branch in root.branches) if depth > 0 else ()
    return replace(root, branches=below)


def _leading(branch: Branch, soname: str, known: set[str]) -> Branch | None:
    """`known` are the lines that lead there: a subtree that is drawn once leads there each time that it is named."""
    below = tuple(kept for entry in branch.branches if (kept := _leading(entry, soname, known)) is not None)
    name, _, path = branch.text.partition(" => ")
    if not below and soname not in (name, posixpath.basename(path or name)) and branch.text not in known:
        return None
    known.add(branch.text)
    return replace(branch, branches=below)
