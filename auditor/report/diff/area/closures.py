"""The libraries that starting each tool loads: added, removed, of another soname, elsewhere, in another layer."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from auditor.elf.model import LoadFault
from auditor.inventory.model import Tool
from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, Side, listed

# `libnftnl.so.11`, `libbpf-1.2.so`, `libopcodes-2.40-system.so`: the library's own name, without what numbers it.
_NUMBERED = re.compile(r"(?P<stem>.+?)(?:-\d[\w.]*(?:-[a-z]+)?)?\.so(?:\.[\w.]+)?$")


@dataclass
class _Tally:
    """What the tools have in common is told once: (kind, subject, old, new) -> why, how bad, and for which tools."""

    found: dict[tuple[str, str, str | None, str | None, Assessment, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def add(
        self, tool: str, kind: str, subject: str, old: str | None, new: str | None, assessment: Assessment, why: str
    ) -> None:
        """One change for one tool."""
        self.found[kind, subject, old, new, assessment, why].add(tool)

    def changes(self) -> Iterator[Change]:
        """One change for all of its tools."""
        for (kind, subject, old, new, assessment, why), tools in self.found.items():
            yield Change(kind, subject, old, new, assessment, why, tuple(sorted(tools)))


def changes(pair: Pair) -> Iterator[Change]:
    """Tool by tool; a tool that one of the images hasn't is an area of its own."""
    tally = _Tally()
    for before, after in pair.kept_tools:
        olds, news = _closure(pair, before), _closure(pair, after)
        gone, came = set(olds) - set(news), set(news) - set(olds)
        for old, new in _bumps(gone, came):
            gone.remove(old)
            came.remove(new)
            shown = (olds[old].soname, news[new].soname)
            why = "The programs are linked against another interface of the library."
            tally.add(after.name, "library-bumped", stem(old), *shown, "neutral", why)
        for name in gone:
            lost = _unresolved(pair.new, after, olds[name].soname)
            why = "It is still needed and no longer found." if lost else "It is no longer loaded."
            assessment: Assessment = "regression" if lost else "neutral"
            tally.add(after.name, "library-removed", olds[name].soname, olds[name].path, None, assessment, why)
        for name in came:
            mended = _unresolved(pair.old, before, news[name].soname)
            why = "It was needed before and not found." if mended else "It was not loaded before."
            assessment = "improvement" if mended else "neutral"
            tally.add(after.name, "library-added", news[name].soname, None, news[name].path, assessment, why)
        for name in set(olds) & set(news):
            if olds[name].places != news[name].places:
                why = "The loader finds it at another path."
                tally.add(
                    after.name, "library-moved", news[name].soname, olds[name].path, news[name].path, "neutral", why
                )
        for path, old_layer, new_layer in _relayered(pair, before, after):
            why = "A layer that both images know no longer has the last word on it, or has it now."
            tally.add(after.name, "layer-moved", path, old_layer, new_layer, "neutral", why)
    yield from tally.changes()


def stem(soname: str) -> str:
    """The library's name without its numbers: `libnftnl` for `libnftnl.so.11`."""
    match = _NUMBERED.match(soname)
    return match["stem"] if match else soname


class _Library(Struct, frozen=True):
    """One library of a tool's closure; more than one path where the tool's programs find it in different places."""

    soname: str
    path: str
    places: frozenset[str]


def _closure(pair: Pair, tool: Tool) -> Mapping[str, _Library]:
    paths: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, str] = {}
    for binary in tool.binaries:
        for entry in binary.closure:
            if entry.path:
                shown[pair.soname(entry.soname)] = entry.soname
                paths[pair.soname(entry.soname)].add(entry.path)
    return {
        name: _Library(shown[name], listed(sorted(found)), frozenset(map(pair.place, found)))
        for name, found in paths.items()
    }


def _bumps(gone: set[str], came: set[str]) -> Iterator[tuple[str, str]]:
    """Pairs of sonames that number one library differently."""
    olds, news = _by_stem(gone), _by_stem(came)
    for common in sorted(olds.keys() & news.keys()):
        yield from zip(olds[common], news[common], strict=False)


def _by_stem(names: set[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        found[stem(name)].append(name)
    return found


def _unresolved(side: Side, tool: Tool, soname: str) -> bool:
    programs = {binary.resolved_path for binary in tool.binaries}
    return any(
        problem.fault is LoadFault.LIBRARY_MISSING and problem.name == soname and programs & set(problem.programs)
        for problem in side.inventory.problems
    )


def _relayered(pair: Pair, before: Tool, after: Tool) -> Iterator[tuple[str, str, str]]:
    """(path, the old layer's id, the new one's) of every program and library that is at its old place."""
    olds, news = _layers(pair, before), _layers(pair, after)
    for place in sorted(olds.keys() & news.keys()):
        path, layer = news[place]
        moved = pair.moved_layer(olds[place][1], layer)
        if moved is not None:
            yield path, *moved


def _layers(pair: Pair, tool: Tool) -> Mapping[str, tuple[str, int | None]]:
    """Place -> path and layer of every program and library of a tool."""
    found = {}
    for binary in tool.binaries:
        found[pair.place(binary.resolved_path)] = (binary.resolved_path, binary.layer)
        found |= {pair.place(entry.path): (entry.path, entry.layer) for entry in binary.closure if entry.path}
    return found
