"""Whether the auditor and an image's own loader say the same of its programs: path by path, symbol by symbol."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.auditing.load import load
from auditor.elf.linker import Linker
from auditor.elf.model import Closure, LoadFault, NoticeKind
from auditor.filetree import FileTree
from auditor.machine import architecture
from fixtures.image import PLATFORMS, BuiltImage
from fixtures.oracle import Oracle, Program
from fixtures.trace import Trace

# The flags that a CPU of each level has (x86-64 psABI, "Micro-Architecture Levels"), as far as they tell levels apart.
_LEVELS = {
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "x86-64-v3": {"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
_FATAL = re.compile(r"error while loading shared libraries: .*")
# glibc 2.43 prints an empty version where the need that it belongs to is of a library that is missing.
_EMPTY_VERSION = re.compile(r"undefined symbol: ([^\s,]+), version\s+\((\S+)\)\Z")
_SILENT = ("killed by signal", "[Errno ")
_TOLD = {
    NoticeKind.PRELOAD_IGNORED,
    NoticeKind.NO_VERSION_INFORMATION,
    NoticeKind.WEAK_VERSION_MISSING,
    NoticeKind.SIZE_DIFFERS,
}


@dataclass(frozen=True)
class Told:
    """What is loaded and what fails, in a form that both sides have; `stops` is a fault that ends all else."""

    paths: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    versions: frozenset[tuple[str, str, str]] = frozenset()
    symbols: frozenset[tuple[str, str]] = frozenset()
    remarks: frozenset[str] = frozenset()
    stops: tuple[str, ...] = ()


def by_loader(trace: Trace, tree: FileTree) -> Told:
    def real(path: str) -> str:
        return tree.find(path).path

    found = [match.groups() for line in trace.other if (match := _EMPTY_VERSION.search(line))]
    unnamed = frozenset((name, real(path)) for name, path in found)
    stops = [match.group() for line in trace.other for match in _FATAL.finditer(line)]
    stops += [line for line in trace.other if line.startswith(_SILENT)]
    return Told(
        {**trace.closure, **{path: path for path in trace.direct if "/ld" not in path}},
        frozenset(trace.missing),
        frozenset((real(each.provider), each.version, real(each.required_by)) for each in trace.versions),
        frozenset((each.name, real(each.required_by)) for each in trace.symbols) | unnamed,
        frozenset(remark(line) for line in trace.other) - {""},
        tuple(stops),
    )


def remark(line: str) -> str:
    """A warning's own words, without the program's name before it and without what the auditor adds behind."""
    words = re.search(
        r"ERROR: ld\.so: object .*|/\S+: (?:no version|weak version) .*|Symbol `.*, consider re-linking", line
    )
    return words.group() if words else ""


def by_auditor(closure: Closure) -> Told:
    missing, versions, symbols, stops = set(), set(), set(), []
    for problem in closure.problems:
        match problem.fault:
            case LoadFault.LIBRARY_MISSING:
                missing.add(problem.name)
            case LoadFault.SYMBOL_VERSION_MISSING:
                versions.add((problem.provider, problem.name.split(" (")[0], problem.path))
            case LoadFault.SYMBOL_MISSING:
                symbols.add((problem.name, problem.path))
            case _:
                stops.append(problem.message)
        # What a missing library or version would have given is undefined to the loader, too.
        symbols |= {(name, problem.path) for name in problem.symbols}
    return Told(
        {each.name: each.path for each in closure.objects[1:] if each.name != closure.interpreter},
        frozenset(missing),
        frozenset(versions),
        frozenset(symbols),
        frozenset(remark(notice.message) for notice in closure.notices if notice.kind in _TOLD),
        tuple(stops),
    )


def on_this_machine(closure: Closure, arch: str) -> Closure:
    """The closure of this machine's own CPU. Emulated ones are the plainest that there are in these images."""
    if arch != "amd64":
        return closure
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    for variant in closure.variants:
        wanted = {flag for level, needed in _LEVELS.items() if level <= variant.variant for flag in needed}
        if variant.variant in _LEVELS and wanted <= flags:
            return variant
    return closure


def differences(program: Program, closure: Closure, tree: FileTree) -> list[str]:
    """What the two say differently; empty if nothing."""
    mine, theirs = by_auditor(closure), by_loader(program.ldd_r, tree)
    if theirs.stops:
        # The loader says one thing and ends; killed or not started, it says nothing.
        agreed = any(stop in mine.stops for stop in theirs.stops) or (
            theirs.stops[0].startswith(_SILENT) and mine.stops
        )
        return [] if agreed else [f"the loader stops: {theirs.stops}, the auditor says {mine}"]
    plain = by_loader(program.ldd, tree)
    told = [
        f"paths: {sorted(set(mine.paths.items()) ^ set(each.paths.items()))}"
        for each in (theirs, plain)
        if mine.paths != each.paths
    ]
    for name in ("missing", "versions", "symbols", "remarks", "stops"):
        if getattr(mine, name) != getattr(theirs, name):
            told.append(f"{name}: {getattr(mine, name)} instead of {getattr(theirs, name)}")
    return told


@dataclass(frozen=True)
class Agreement:
    """How many programs and plug-ins were compared, and what the two say differently, by path."""

    programs: int
    plugins: int
    wrong: Mapping[str, list[str]]


def agreement(image: BuiltImage, answers: Oracle) -> Agreement:
    """Compare all of an image."""
    platform = PLATFORMS[image.architecture][0]
    env = dict(entry.split("=", 1) for entry in image.run.env)
    with load(f"dir:{image.tree}") as audited:
        tree = audited.tree
        linker = Linker(tree, env=env, working_dir=image.run.working_dir or "/", machine=architecture(platform))
        closures = {path: on_this_machine(linker.closure(path), image.architecture) for path in answers.programs}
        told = {path: differences(program, closures[path], tree) for path, program in answers.programs.items()}
        plugins = _plugins(linker, answers, tree, image.architecture)
    wrong = {path: words for path, words in (told | plugins).items() if words}
    return Agreement(len(told), len(plugins), wrong)


def _plugins(linker: Linker, answers: Oracle, tree: FileTree, arch: str) -> dict[str, list[str]]:
    """xtables extensions in the scope of iptables; each by itself finds no less, since it names libxtables itself."""
    hosts = ("xtables-nft-multi", "xtables-multi", "xtables-legacy-multi")
    host = next((path for name in hosts for path in answers.programs if path.endswith(f"/{name}")), None)
    if host is None:
        return {}
    closure = linker.closure(host)
    if closure.problems or on_this_machine(closure, arch) is not closure:
        return {}  # what a loader says of a plug-in by itself is another thing then
    told = {}
    for path, alone in answers.plugins.items():
        mine = by_auditor(on_this_machine(linker.plugin(closure, path), arch))
        told[path] = _plugin_differences(mine, by_loader(alone.ldd_r, tree), closure.interpreter)
    return told


def _plugin_differences(mine: Told, theirs: Told, interpreter: str | None) -> list[str]:
    if theirs.stops:
        return [] if mine.stops else [f"the loader stops: {theirs.stops}, the auditor says {mine}"]
    needs = {place for name, place in theirs.paths.items() if "/" not in name}  # and not the preloads
    found = {place for place in mine.paths.values() if place != interpreter}
    told = [f"paths: {sorted(found ^ needs)}"] if found != needs else []
    for name in ("missing", "versions", "symbols"):
        if getattr(mine, name) != getattr(theirs, name):
            told.append(f"{name}: {getattr(mine, name)} instead of {getattr(theirs, name)}")
    return told
