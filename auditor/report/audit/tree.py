"""The closure of a program as a tree: who needs what, and by which of the loader's rules it was found."""

from collections.abc import Mapping

from auditor.inventory.model import Binary, ClosureEntry, ElfObject, Inventory
from auditor.report.page import Branch

AGAIN = "(shown above)"


def closure_tree(inventory: Inventory, binary: Binary) -> Branch:
    """The program as the root; under each file what it needs itself, each subtree drawn once."""
    objects = {entry.path: entry for entry in inventory.objects}
    found = {entry.path: entry for entry in binary.closure}
    return _branch(inventory, binary, binary.resolved_path, objects, found, set())


def _branch(
    inventory: Inventory,
    binary: Binary,
    path: str,
    objects: Mapping[str, ElfObject],
    found: Mapping[str, ClosureEntry],
    shown: set[str],
) -> Branch:
    entry = found.get(path)
    text = f"{entry.soname} => {path}" if entry else path
    rule = entry.found_by if entry else ""
    needs = objects[path].needs if path in objects else ()
    missing = _missing(inventory, binary, path)
    if path in shown:
        again = AGAIN if needs or missing else ""
        return Branch(text, ", ".join(filter(None, (rule, again))))
    shown.add(path)
    # What the loader itself brings along (the loader, the vDSO) may have no rule of its own.
    below = [_branch(inventory, binary, need, objects, found, shown) for need in needs if need != path]
    return Branch(text, rule, branches=(*missing, *below))


def _missing(inventory: Inventory, binary: Binary, path: str) -> tuple[Branch, ...]:
    return tuple(
        Branch(problem.name, "not found", "missing")
        for problem in inventory.problems
        if problem.path == path and problem.fault == "library-missing" and binary.resolved_path in problem.programs
    )
