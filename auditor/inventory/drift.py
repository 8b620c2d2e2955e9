"""Files of the tools that are gone or changed since their package was installed."""

from collections.abc import Iterable, Mapping

from auditor.filetree import FileTree
from auditor.inventory.model import Drift, MissingFiles
from auditor.inventory.owners import Owners
from auditor.packages import OwnedFile, Package, Packages, Verdict

_EXAMPLES = 3


def changed_files(tree: FileTree, owners: Owners, used: Mapping[str, Iterable[str]]) -> tuple[Drift, ...]:
    """Those of the used files (real path -> tools) whose content is not the package's any more."""
    found = []
    for path in sorted(used):
        record = owners.record(path)
        if record is None or record.configuration or record.exempt or owners.verdict(path) is not Verdict.CHANGED:
            continue
        node = tree.lstat(path)
        layer = node.layer if node else None
        found.append(Drift("changed", path, record.package.name, layer, tuple(sorted(used[path]))))
    return tuple(found)


def missing_files(
    tree: FileTree,
    packages: Packages,
    tool_packages: Mapping[str, Iterable[str]],
    wanted: Mapping[str, Iterable[str]],
) -> tuple[tuple[Drift, ...], tuple[MissingFiles, ...]]:
    """What the packages of the tools list and the image lacks.

    `tool_packages` are the names of packages that have a program of a tool, with those tools; `wanted` are file
    names (required programs, libraries that something needs) with the tools that want them: each of these is drift
    of its own, the rest is counted by package.
    """
    drift: list[Drift] = []
    by_package: dict[Package, list[OwnedFile]] = {}
    for name in wanted:
        for owned in packages.named(name):
            by_package.setdefault(owned.package, []).append(owned)
    rest: list[MissingFiles] = []
    for package in packages.packages:
        tools = tool_packages.get(package.name)
        names_here = by_package.get(package, ()) if tools is None else packages.files(package)
        gone = [owned for owned in names_here if not owned.optional and _is_gone(tree, packages, owned)]
        other = []
        for owned in gone:
            users = set(wanted.get(_name(owned), ()))
            if users:
                path = packages.real_path(owned)
                drift.append(Drift("missing", path, package.name, _deleter(tree, path), tuple(sorted(users))))
            elif tools is not None:
                other.append(owned.place)
        if other:
            rest.append(MissingFiles(package.name, len(other), tuple(sorted(other)[:_EXAMPLES])))
    return tuple(sorted(drift, key=lambda entry: entry.path)), tuple(rest)


def _name(owned: OwnedFile) -> str:
    return owned.place.rpartition("/")[2]


def _is_gone(tree: FileTree, packages: Packages, owned: OwnedFile) -> bool:
    return tree.lstat(packages.real_path(owned)) is None


def _deleter(tree: FileTree, path: str) -> int | None:
    removals = [removal for removal in tree.removals(path.rpartition("/")[2]) if removal.path == path]
    return removals[-1].layer if removals else None
