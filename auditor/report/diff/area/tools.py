"""The documented tools: lost and gained, versions, flavours, and where each name leads."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from auditor.finding import Finding
from auditor.inventory.model import Binary, Tool
from auditor.report.diff.area import findings
from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, listed
from auditor.tools.catalogue import compare_versions

_NO_VERSION = "version unknown"


def changes(pair: Pair) -> Iterator[Change]:
    """Everything about the tools themselves; their libraries are an area of their own."""
    matched = findings.match(pair)
    for before, after in pair.tools:
        if before.binaries and not after.binaries:
            if _is_told(matched.new, before):
                continue
            why = "No name of it is left on the image's PATH."
            yield Change(
                "tool-lost", before.name, before.version or _NO_VERSION, None, "regression", why, (before.name,)
            )
        elif after.binaries and not before.binaries and not _is_told(matched.old, after):
            why = "It was not in the image before."
            yield Change(
                "tool-gained", after.name, None, after.version or _NO_VERSION, "improvement", why, (after.name,)
            )
    for before, after in pair.kept_tools:
        yield from _versions(before, after)
        yield from _flavours(before, after)
        yield from _names(pair, before, after)
        yield from _programs(pair, before, after)
    yield from _link_types(pair)


def _is_told(findings_told: Iterable[Finding], tool: Tool) -> bool:
    """Whether a finding that is new, or fixed, says of the tool that it is gone."""
    names = {binary.name for binary in tool.binaries}
    return any(finding.rule == "tool-missing" and finding.subject in names for finding in findings_told)


def _versions(before: Tool, after: Tool) -> Iterator[Change]:
    whole = (before.version, after.version)
    if before.version != after.version:
        assessment, why = _compare(after, *whole)
        old, new = before.version or _NO_VERSION, after.version or _NO_VERSION
        yield Change("tool-version", after.name, old, new, assessment, why, (after.name,))
    groups: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
    for one, other in _both(before, after):
        if one.version != other.version and (one.version, other.version) != whole:
            groups[one.version, other.version].append(other.name)
    for (old_version, new_version), names in groups.items():
        assessment, why = _compare(after, old_version, new_version)
        shown = (old_version or _NO_VERSION, new_version or _NO_VERSION)
        yield Change("program-version", listed(names), *shown, assessment, why, (after.name,))


def _compare(tool: Tool, old: str | None, new: str | None) -> tuple[Assessment, str]:
    if new is None:
        return "neutral", f"The version can no longer be told: {tool.reason or 'its files do not show it'}."
    if old is None:
        return "neutral", "The version could not be told before."
    order = compare_versions(tool.name, old, new)
    if order is None or order == 0:
        return "neutral", "Which of the two is newer can't be told."
    if order < 0:
        return "improvement", "A newer upstream release: further above the spec's minimum, and it knows newer kernels."
    return "regression", "An older upstream release: what was mended or added since is gone."


def _flavours(before: Tool, after: Tool) -> Iterator[Change]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one, other in _both(before, after):
        if one.flavour and other.flavour and one.flavour != other.flavour:
            groups[one.flavour, other.flavour].append(other.name)
    for (old, new), names in groups.items():
        why = f"{listed(names)}: rules that the {old} flavour wrote are not seen by the {new} flavour."
        yield Change("tool-flavour", after.name, old, new, "regression", why, (after.name,))
    olds, news = _by_flavour(before), _by_flavour(after)
    for flavour in sorted(olds.keys() - news.keys()):
        why = f"No name runs the {flavour} flavour any more."
        subject = f"{after.name} {flavour}"
        yield Change("flavour-lost", subject, listed(olds[flavour]), None, "regression", why, (after.name,))
    for flavour in sorted(news.keys() - olds.keys()):
        why = f"No name ran the {flavour} flavour before."
        subject = f"{after.name} {flavour}"
        yield Change("flavour-gained", subject, None, listed(news[flavour]), "improvement", why, (after.name,))


def _names(pair: Pair, before: Tool, after: Tool) -> Iterator[Change]:
    """Names that only one image has, but for those that came or went with their flavour."""
    olds, news = _by_name(before), _by_name(after)
    flavours = _by_flavour(before).keys() & _by_flavour(after).keys()
    for name in sorted(olds.keys() - news.keys()):
        if not olds[name].flavour or olds[name].flavour in flavours:
            asked = _is_missed(pair, name)
            assessment: Assessment = "regression" if asked else "neutral"
            why = "PATH no longer reaches a program of this name" + (
                "." if asked else ", which the spec doesn't ask for."
            )
            yield Change("program-lost", name, olds[name].path, None, assessment, why, (after.name,))
    for name in sorted(news.keys() - olds.keys()):
        if not news[name].flavour or news[name].flavour in flavours:
            why = "PATH reached no program of this name before."
            yield Change("program-gained", name, None, news[name].path, "neutral", why, (after.name,))


def _is_missed(pair: Pair, name: str) -> bool:
    """A finding of the new image is about the absence of this very name."""
    return any(finding.subject == name and finding.severity == "error" for finding in pair.new.report.findings)


def _programs(pair: Pair, before: Tool, after: Tool) -> Iterator[Change]:
    both = _both(before, after)
    tools = (after.name,)
    yield from _moves(pair, both, tools)
    for names, old, new in _grouped((other.name, one.kind, other.kind) for one, other in both):
        assessment: Assessment = "neutral"
        if "program" in (old, new):
            assessment = "improvement" if new == "program" else "regression"
        why = "What the name leads to is another kind of file; findings say whether it still does its work."
        yield Change("program-kind", names, old, new, assessment, why, tools)
    if pair.same_machine:
        asked = ((other.name, one.interpreter or "none", other.interpreter or "none") for one, other in both)
        for names, old, new in _grouped(asked):
            why = "Another loader starts it; findings say whether that is in the image."
            yield Change("program-interpreter", names, old, new, "neutral", why, tools)
    yield from _architectures(pair, both, tools)
    for names, old, new in _grouped((other.name, _privileges(one), _privileges(other)) for one, other in both):
        worse = "setuid" in new and "setuid" not in old
        why = "It now runs with its owner's rights." if worse else "It starts with other rights than before."
        yield Change("program-privileges", names, old, new, "regression" if worse else "neutral", why, tools)


def _moves(pair: Pair, both: Sequence[tuple[Binary, Binary]], tools: tuple[str, ...]) -> Iterator[Change]:
    directories: dict[tuple[str, str], list[str]] = defaultdict(list)
    targets: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one, other in both:
        if pair.place(one.path) != pair.place(other.path):
            directories[posixpath.dirname(one.path), posixpath.dirname(other.path)].append(other.name)
        elif pair.place(one.resolved_path) != pair.place(other.resolved_path) and one.flavour == other.flavour:
            targets[one.resolved_path, other.resolved_path].append(other.name)
    for (old, new), names in directories.items():
        why = "PATH finds it in another directory; whoever calls it by its old path does not."
        yield Change("program-moved", listed(names), old, new, "neutral", why, tools)
    for (old, new), names in targets.items():
        why = "The name leads to another file."
        yield Change("program-moved", listed(names), old, new, "neutral", why, tools)


def _architectures(pair: Pair, both: Sequence[tuple[Binary, Binary]], tools: tuple[str, ...]) -> Iterator[Change]:
    """A program for another machine than its own image is; that both follow their images is the platform's change."""
    old_machine, new_machine = (side.report.image.platform.architecture for side in (pair.old, pair.new))
    found = []
    for one, other in both:
        if all((one.architecture, other.architecture, old_machine, new_machine)):
            right = one.architecture == old_machine, other.architecture == new_machine
            if right[0] != right[1]:
                old, new = f"{one.architecture} on {old_machine}", f"{other.architecture} on {new_machine}"
                found.append((other.name, old, new))
    for names, old, new in _grouped(found):
        right_now = new == f"{new_machine} on {new_machine}"
        why = "It is for the image's machine now." if right_now else "It is not for the image's machine."
        yield Change("program-architecture", names, old, new, "improvement" if right_now else "regression", why, tools)


def _link_types(pair: Pair) -> Iterator[Change]:
    kept = {after.name for _, after in pair.kept_tools}
    if "iproute2" not in kept:
        return
    before, after = set(pair.old.inventory.link_types), set(pair.new.inventory.link_types)
    for name in sorted(before - after):
        why = f"`ip link add … type {name}` is no longer known to ip."
        yield Change("link-type-lost", name, name, None, "regression", why, ("iproute2",))
    for name in sorted(after - before):
        why = f"`ip link add … type {name}` was not known to ip before."
        yield Change("link-type-gained", name, None, name, "improvement", why, ("iproute2",))


def _by_name(tool: Tool) -> Mapping[str, Binary]:
    return {binary.name: binary for binary in tool.binaries}


def _both(before: Tool, after: Tool) -> tuple[tuple[Binary, Binary], ...]:
    olds, news = _by_name(before), _by_name(after)
    return tuple((olds[name], news[name]) for name in sorted(olds.keys() & news.keys()))


def _by_flavour(tool: Tool) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for binary in sorted(tool.binaries, key=lambda binary: binary.name):
        if binary.flavour:
            found[binary.flavour].append(binary.name)
    return found


def _privileges(binary: Binary) -> str:
    return ", ".join((["setuid"] if binary.setuid else []) + sorted(binary.capabilities)) or "none"


def _grouped(values: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """(names, old, new) of those that differ, the names with the same two values together."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, old, new in values:
        if old != new:
            groups[old, new].append(name)
    yield from ((listed(names), old, new) for (old, new), names in groups.items())
