"""Files whose content changed though no package's version says so, and programs on PATH that no package explains."""

from collections.abc import Iterator, Mapping

from auditor.inventory.model import UNOWNED, ElfObject, Executable
from auditor.report.diff.model import Change
from auditor.report.diff.pair import Pair, Side


def changes(pair: Pair) -> Iterator[Change]:
    """Contents of the tools' objects, and the other programs on PATH."""
    if pair.same_machine:
        yield from _contents(pair)
    yield from _executables(pair)


def _contents(pair: Pair) -> Iterator[Change]:
    olds, news = _objects(pair.old), _objects(pair.new)
    for path in sorted(olds.keys() & news.keys()):
        before, after = olds[path], news[path]
        if before.sha256 == after.sha256 or _explained(pair, before, after):
            continue
        if after.package in (None, UNOWNED):
            why = "No package is known to own it: only its content tells."
        else:
            why = f"The package {after.package} is of the same version as before."
        tools = tuple(sorted(_users(pair.new, path)))
        yield Change("file-changed", path, _shown(before), _shown(after), "neutral", why, tools)


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


def _users(side: Side, path: str) -> Iterator[str]:
    for tool in side.inventory.tools:
        loaded = {side.real(entry.path) for binary in tool.binaries for entry in binary.closure}
        if path in loaded or any(binary.resolved_path == path for binary in tool.binaries):
            yield tool.name


def _objects(side: Side) -> Mapping[str, ElfObject]:
    return {entry.path: entry for entry in side.inventory.objects}


def _executables(pair: Pair) -> Iterator[Change]:
    olds, news = _unexplained(pair, pair.old), _unexplained(pair, pair.new)
    for place in sorted(olds.keys() - news.keys()):
        why = "PATH no longer reaches it, and no package that owns it was removed or changed."
        yield Change("executable-removed", olds[place].path, _owner(olds[place]), None, "neutral", why)
    for place in sorted(news.keys() - olds.keys()):
        why = "PATH did not reach it before, and no package that owns it was added or changed."
        yield Change("executable-added", news[place].path, None, _owner(news[place]), "neutral", why)


def _owner(entry: Executable) -> str:
    return entry.package or "no package database"


def _unexplained(pair: Pair, side: Side) -> Mapping[str, Executable]:
    """Programs on PATH that neither belong to a documented tool nor to a package whose versions differ."""
    both = (*pair.old.inventory.tools, *pair.new.inventory.tools)
    tools = {binary.path for tool in both for binary in tool.binaries}
    return {
        pair.place(entry.path): entry
        for entry in side.inventory.executables
        if entry.path not in tools and not _package_changed(pair, entry.package)
    }


def _package_changed(pair: Pair, package: str | None) -> bool:
    if package in (None, UNOWNED):
        return False
    return pair.old.package_versions.get(package or "") != pair.new.package_versions.get(package or "")
