"""The closure of a program as a tree: who needs what, and by which of the loader's rules it was found."""

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from auditor.elf.model import LoadFault
from auditor.inventory.model import Binary, ClosureEntry, ElfObject, Inventory
from auditor.report.page import Branch
from auditor.report.words import listed

AGAIN = "shown above"
NOT_FOUND = "not found"


def closure_tree(inventory: Inventory, binary: Binary) -> Branch:
    """The program as the root; under each file what it needs itself, each subtree drawn once."""
    objects = {entry.path: entry for entry in inventory.objects}
    # A loader is asked for by its whole path, and so is a library whose name has a slash.
    found = {posixpath.basename(entry.soname): entry for entry in binary.closure}
    return _branch(inventory, binary, binary.resolved_path, objects, found, set())


def _branch(
    inventory: Inventory,
    binary: Binary,
    path: str,
    objects: Mapping[str, ElfObject],
    found: Mapping[str, ClosureEntry],
    shown: set[str],
) -> Branch:
    here = objects.get(path)
    entry = _entry(path, here, found)
    text = f"{entry.soname} => {entry.path}" if entry else path
    rule = entry.found_by if entry else ""
    missing = _missing(inventory, binary, path)
    needs = tuple(need for need in here.needs if need != path) if here else ()
    if path in shown:
        return Branch(text, listed((rule, AGAIN if needs or missing else "")))
    shown.add(path)
    below = [_branch(inventory, binary, need, objects, found, shown) for need in needs]
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


def ways_to(root: Branch, soname: str) -> Branch | None:
    """The tree with only what leads to a library, found or missing; None where nothing does."""
    return _leading(root, soname, set())


def lacks(root: Branch) -> bool:
    """Whether a library is missing anywhere in the tree."""
    left = [root]
    while left:
        branch = left.pop()
        if branch.kind == "missing":
            return True
        left += branch.branches
    return False


def cut(root: Branch, depth: int) -> Branch:
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
