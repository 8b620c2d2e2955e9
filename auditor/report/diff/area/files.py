"""Files whose content changed though no package's version says so, and programs on PATH that no package explains."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping

from auditor.inventory.model import UNOWNED, ElfObject, Executable
from auditor.report.diff.model import Change
from auditor.report.diff.pair import Pair, Side

_PATH = "PATH"


def changes(pair: Pair) -> Iterator[Change]:
    """Contents of the tools' objects, and the other programs on PATH."""
    if pair.same_machine:
        yield from _contents(pair)
    yield from _executables(pair)


def _contents(pair: Pair) -> Iterator[Change]:
    olds, news = _objects(pair, pair.old), _objects(pair, pair.new)
    users = _users(pair.new)
    for place in sorted(olds.keys() & news.keys()):
        before, after = olds[place], news[place]
        if before.sha256 == after.sha256 or _explained(pair, before, after):
            continue
        if after.package in (None, UNOWNED):
            why = "No package is known to own it: only its content tells."
        else:
            why = f"The package {after.package} is of the same version as before."
        tools = tuple(sorted(users.get(after.path, ())))
        yield Change("file-changed", after.path, _shown(before), _shown(after), "neutral", why, tools)


def _explained(pair: Pair, before: ElfObject, after: ElfObject) -> bool:
    """Its package changed its version, so that other content is what one expects."""
    if after.package in (None, UNOWNED) or before.package in (None, UNOWNED):
        return False
    if before.package != after.package:
        return True
    name = after.package or ""
    return pair.old.package_versions.get(name) != pair.new.package_versions.get(name)


def _shown(entry: ElfObject) -> str:
    owner = {None: "", UNOWNED: ", unowned"}.get(entry.package, f", {entry.package}")
    return f"sha256:{entry.sha256[:12]}{owner}"


def _users(side: Side) -> Mapping[str, set[str]]:
    """Path -> the tools that start it, or load it at start."""
    needs = {entry.path: entry.needs for entry in side.inventory.objects}
    users: dict[str, set[str]] = defaultdict(set)
    for tool in side.inventory.tools:
        todo = [binary.resolved_path for binary in tool.binaries]
        while todo:
            path = todo.pop()
            if tool.name not in users[path]:
                users[path].add(tool.name)
                todo.extend(needs.get(path, ()))
    return users


def _objects(pair: Pair, side: Side) -> Mapping[str, ElfObject]:
    return {pair.place(entry.path): entry for entry in side.inventory.objects}


def _executables(pair: Pair) -> Iterator[Change]:
    olds, news = _on_path(pair, pair.old), _on_path(pair, pair.new)
    for place in sorted(olds.keys() - news.keys()):
        if _unexplained(pair, olds[place], pair.new):
            why = "PATH no longer reaches it, and no package that owns it was removed or changed."
            yield Change("executable-removed", olds[place].path, _owner(olds[place]), None, "neutral", why)
    for place in sorted(news.keys() - olds.keys()):
        if _unexplained(pair, news[place], pair.old):
            why = "PATH did not reach it before, and no package that owns it was added or changed."
            yield Change("executable-added", news[place].path, None, _owner(news[place]), "neutral", why)


def _owner(entry: Executable) -> str:
    return entry.package or "no package database"


def _on_path(pair: Pair, side: Side) -> Mapping[str, Executable]:
    """By the file itself: which of its names PATH reaches first is no matter of the file."""
    found = (entry for entry in side.inventory.executables if entry.started_by == _PATH)
    return {pair.place(entry.resolved_path): entry for entry in found}


def _unexplained(pair: Pair, entry: Executable, other: Side) -> bool:
    """Neither a documented tool, nor of a package whose versions differ, nor where only one image's PATH looks."""
    both = (*pair.old.inventory.tools, *pair.new.inventory.tools)
    if any(entry.resolved_path == binary.resolved_path for tool in both for binary in tool.binaries):
        return False
    if pair.place(f"{posixpath.dirname(entry.path)}/") not in {
        pair.place(f"{place}/") for place in other.inventory.path
    }:
        return False
    if entry.package in (None, UNOWNED):
        return True
    package = entry.package or ""
    return pair.old.package_versions.get(package) == pair.new.package_versions.get(package)
