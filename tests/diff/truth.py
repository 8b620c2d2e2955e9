"""What really differs between two images, from their own loader, tools, package database and layers.

Everything is a fact (kind, subject, old, new): `facts` takes them from the images, `claims` from a diff. Which
programs make up a tool is the one thing that is taken from the reports.
"""

import hashlib
import io
import posixpath
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from auditor.inventory.model import Tool
from auditor.report.diff.area.closures import stem
from auditor.report.diff.model import Change, Diff
from auditor.report.model import Report
from fixtures.entries import Kind, Tree
from fixtures.image import BuiltImage
from fixtures.oracle import Oracle, Program, executables, oracle, search_path, which
from fixtures.trace import Trace
from fixtures.workspace import FixtureError

Fact = tuple[str, str, str | None, str | None]
_MACHINE = re.compile(r"(?:x86_64|aarch64|powerpc64le|s390x)-linux-gnu")
_LOADER = re.compile(r"ld-linux[\w-]*\.so\.\d|ld64\.so\.\d")
_VERSION = re.compile(r"(?P<space>.+)_(?P<version>\d+(?:\.\d+)*)")
_UNKNOWN = "version unknown"
_FIRST = {"iputils": "ping", "iproute2": "ip", "conntrack-tools": "conntrack"} | {
    tool: tool for tool in ("iptables", "ip6tables", "ipset")
}
_FAMILIES = {
    "libxt_": {"ipv4", "ipv6"},
    "libipt_": {"ipv4"},
    "libip6t_": {"ipv6"},
    "libebt_": {"bridge"},
    "libarpt_": {"arp"},
}


class Subject:
    """One image, with what was asked of it and what is read from its layers."""

    def __init__(self, image: BuiltImage, report: Report) -> None:
        self.image, self.report = image, report
        self.tools = {tool.name: tool for tool in report.tools}
        self.answers: Oracle = oracle(image)
        self.tree: Tree = image.merged()

    @cached_property
    def closures(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """Tool -> soname -> where its programs' loader finds it, as ldd says; the loader itself left out."""
        found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for tool in self.tools.values():
            for binary in tool.binaries:
                program = self.answers.programs.get(binary.resolved_path)
                for soname, path in program.ldd.closure.items() if program else ():
                    if not _LOADER.fullmatch(posixpath.basename(soname)):
                        found[tool.name][posixpath.basename(soname)].add(f"/{self.tree.place(path)}")
                for path in program.ldd.direct if program else ():
                    if not _LOADER.fullmatch(posixpath.basename(path)):
                        found[tool.name][path].add(f"/{self.tree.place(path)}")  # preloaded
        return {tool: {soname: frozenset(paths) for soname, paths in names.items()} for tool, names in found.items()}

    def files(self, tool: Tool) -> set[str]:
        """Every program of a tool and every library of theirs."""
        libraries = self.closures.get(tool.name, {})
        return {binary.resolved_path for binary in tool.binaries} | {p for paths in libraries.values() for p in paths}

    def starts(self, path: str) -> bool:
        """Whether the image's loader has nothing against a program."""
        program = self.answers.programs.get(path)
        return program is not None and _sound(program)

    @cached_property
    def silent(self) -> set[str]:
        """The tools of which the loader gives up on a program before it says what it loads."""
        programs = self.answers.programs
        return {
            tool.name
            for tool in self.tools.values()
            for binary in tool.binaries
            if binary.resolved_path in programs and _complaints(programs[binary.resolved_path].ldd)
        }

    @cached_property
    def writers(self) -> Mapping[str, str]:
        """Path -> the layer that last wrote it."""
        found: dict[str, str] = {}
        for layer in self.image.layers:
            found |= {f"/{path}": layer.diff_id for path in layer.content.entries}
        return found

    @cached_property
    def plugins(self) -> Mapping[str, set[str]]:
        """Extension -> families, by the files that iptables looks up and that its loader takes."""
        found: dict[str, set[str]] = defaultdict(set)
        folders = {posixpath.dirname(path) for path in self.tree if "/xtables/lib" in path}
        for folder in folders:
            for name in self.tree.children(folder):
                for prefix, families in _FAMILIES.items():
                    # libxt_NAT.so registers SNAT, DNAT and others, which lead to it by links, and no NAT.
                    if name.startswith(prefix) and name != "libxt_NAT.so" and self._loads(f"{folder}/{name}"):
                        found[name.removeprefix(prefix).removesuffix(".so")] |= families
        return found

    def _loads(self, path: str) -> bool:
        try:
            plugin = self.answers.plugins.get(f"/{self.tree.resolve(path)}")
        except FixtureError:
            return False
        return plugin is not None and _sound(plugin)

    @cached_property
    def symbols(self) -> Mapping[str, Mapping[str, str]]:
        """Tool -> name space -> the newest version that a program or library of it needs."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for tool in self.tools.values():
            for path in self.files(tool) - set(self.answers.foreign):
                for name in self.needed(path):
                    match = _VERSION.fullmatch(name)
                    if match and numbers(match["version"]) > numbers(found[tool.name].get(match["space"], "")):
                        found[tool.name][match["space"]] = match["version"]
        return found

    def needed(self, path: str) -> tuple[str, ...]:
        """The symbol versions that an ELF file needs."""
        try:
            data = self.tree.read(path)
        except FixtureError:
            return ()
        return _needed_versions(data) if data.startswith(b"\x7fELF") else ()

    def content(self, path: str) -> str:
        """A digest of a file."""
        return hashlib.sha256(self.tree.read(path)).hexdigest()

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Path -> package, as dpkg says of every way to write a path of the tools or of PATH."""
        paths = self.elfs() | set(executables(self.image, self.tree))
        ways = {way: path for path in paths for way in (path, f"/usr{path}", path.removeprefix("/usr"))}
        command = ["dpkg-query", f"--admindir={self.image.tree / 'var/lib/dpkg'}", "-S", "--", *sorted(ways)]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        rows = [line.split(": ", 1) for line in text.splitlines() if not line.startswith("diversion by ")]
        return {ways[path]: packages.split(",")[0].split(":")[0] for packages, path in rows if path in ways}

    def owner(self, path: str) -> str:
        """The package that dpkg names for a path; empty where it knows none."""
        return self.owners.get(path, "")

    def elfs(self) -> set[str]:
        """Every ELF file that the tools can use, plug-ins included."""
        plugins = {path for path, plugin in self.answers.plugins.items() if _sound(plugin)}
        paths = {path for tool in self.tools.values() for path in self.files(tool)} | plugins
        paths -= set(self.answers.foreign)
        return {real for path in paths if (real := self._real(path)) is not None}

    def _real(self, path: str) -> str | None:
        try:
            real = self.tree.resolve(path)
        except FixtureError:
            return None
        entry = self.tree.get(real)
        if entry is None or entry.kind not in (Kind.FILE, Kind.HARDLINK):
            return None
        return f"/{real}" if self.tree.read(real).startswith(b"\x7fELF") else None


def _complaints(trace: Trace) -> list[str]:
    """What stops the loader; a preload that it can't find is ignored by it."""
    return [line for line in trace.other if "cannot be preloaded" not in line]


def _sound(program: Program) -> bool:
    traces = (program.ldd, program.ldd_r)
    return not any(trace.missing or trace.versions or trace.symbols or _complaints(trace) for trace in traces)


@cache
def _needed_versions(data: bytes) -> tuple[str, ...]:
    sections = ELFFile(io.BytesIO(data)).iter_sections()
    needs = (section for section in sections if isinstance(section, GNUVerNeedSection))
    return tuple({entry.name for section in needs for _, entries in section.iter_versions() for entry in entries})


def numbers(version: str) -> tuple[int, ...]:
    """What sorts like a version of numbers."""
    return tuple(int(part) for part in version.split(".") if part)


def facts(old: Subject, new: Subject) -> set[Fact]:
    """Everything that differs."""
    kinds: tuple[Callable[[Subject, Subject], Iterator[Fact]], ...] = (
        *(_packages, _tools, _libraries, _symbols, _extensions, _set_types, _config, _layers, _contents, _relayered),
        *(_executables, _platform),
    )
    return _heard({fact for kind in kinds for fact in kind(old, new)}, old, new)


def _heard(found: set[Fact], old: Subject, new: Subject) -> set[Fact]:
    """Without what the loader would have to say of a tool that it gives up on."""
    silent = old.silent | new.silent
    kinds = ("library", "library path", "symbol", "layer of")
    return {fact for fact in found if fact[0] not in kinds or fact[1].split()[0] not in silent}


def _differing(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Fact]:
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            yield kind, name, old.get(name), new.get(name)


def _packages(old: Subject, new: Subject) -> Iterator[Fact]:
    if old.answers.packages and new.answers.packages:
        yield from _differing("package", old.answers.packages, new.answers.packages)
    elif old.answers.packages or new.answers.packages:
        count = [f"{len(side.answers.packages)} deb packages" if side.answers.packages else None for side in (old, new)]
        yield "package-database", "package database", count[0], count[1]


def _asked(side: Subject, tool: str) -> Mapping[str, tuple[str, str, str]]:
    """Name -> path, version, flavour of the names of a tool that were run; one that can't start tells nothing."""
    names = {binary.name for binary in side.tools[tool].binaries if side.starts(binary.resolved_path)}
    found = {name: answer for name, answer in side.answers.tools.items() if name in names}
    return {name: (answer.path, answer.version or _UNKNOWN, answer.flavour) for name, answer in found.items()}


def _tools(old: Subject, new: Subject) -> Iterator[Fact]:
    for tool in old.tools.keys() & new.tools.keys():
        there = [bool(side.tools[tool].binaries) for side in (old, new)]
        if there[0] != there[1]:
            yield "tool", tool, *("there" if present else None for present in there)  # type: ignore[misc]
        if not all(there):
            continue
        yield from _machines(old, new, tool)
        before, after = _asked(old, tool), _asked(new, tool)
        first = _FIRST[tool]
        known = first in before and first in after
        whole = (before[first][1], after[first][1]) if known else ("", "")
        if whole[0] != whole[1]:
            yield "tool version", tool, whole[0], whole[1]
        for name in before.keys() & after.keys():
            versions = before[name][1], after[name][1]
            if versions[0] != versions[1] and versions != whole:
                yield "version", name, versions[0], versions[1]
            flavours = before[name][2], after[name][2]
            if flavours[0] != flavours[1] and all(flavours):
                yield "flavour", name, flavours[0], flavours[1]
            if plain(before[name][0]) != plain(after[name][0]):
                yield "moved", name, posixpath.dirname(before[name][0]), posixpath.dirname(after[name][0])
        for name in {name for side in (old, new) for name in side.answers.tools} & {
            binary.name for side in (old, new) for binary in side.tools[tool].binaries
        }:
            reached = ["there" if which(side.image, side.tree, name) else None for side in (old, new)]
            if reached[0] != reached[1]:
                yield "name", name, reached[0], reached[1]


def _machines(old: Subject, new: Subject, tool: str) -> Iterator[Fact]:
    """Programs of another machine than the image's."""
    foreign = [
        {binary.name for binary in side.tools[tool].binaries if binary.resolved_path in side.answers.foreign}
        for side in (old, new)
    ]
    for name in foreign[0] ^ foreign[1]:
        yield "machine", name, *(("other", "own") if name in foreign[0] else ("own", "other"))


def _kept(old: Subject, new: Subject) -> list[str]:
    both = sorted(old.tools.keys() & new.tools.keys())
    return [tool for tool in both if old.tools[tool].binaries and new.tools[tool].binaries]


def _libraries(old: Subject, new: Subject) -> Iterator[Fact]:
    for tool in _kept(old, new):
        before, after = old.closures.get(tool, {}), new.closures.get(tool, {})
        for soname in before.keys() | after.keys():
            if (soname in before) != (soname in after):
                there = ["there" if soname in side else None for side in (before, after)]
                yield "library", f"{tool} {soname}", there[0], there[1]
            elif _plain(before[soname]) != _plain(after[soname]):
                yield "library path", f"{tool} {soname}", _plain(before[soname]), _plain(after[soname])


def _plain(paths: Iterable[str]) -> str:
    return ", ".join(sorted({plain(path) for path in paths}))


def plain(path: str) -> str:
    """A path without what only spells the machine, and without merged /usr."""
    return _MACHINE.sub("MACHINE", path).removeprefix("/usr")


def _symbols(old: Subject, new: Subject) -> Iterator[Fact]:
    for tool in _kept(old, new):
        named = [{f"{tool} {k}": f"{k}_{v}" for k, v in side.symbols.get(tool, {}).items()} for side in (old, new)]
        yield from _differing("symbol", named[0], named[1])


def _extensions(old: Subject, new: Subject) -> Iterator[Fact]:
    kept = {"iptables", "ip6tables"} & set(_kept(old, new))
    families = {{"iptables": "ipv4", "ip6tables": "ipv6"}[tool] for tool in kept} | (
        {"arp", "bridge"} if kept else set()
    )
    for name in old.plugins.keys() | new.plugins.keys():
        before, after = old.plugins.get(name, set()), new.plugins.get(name, set())
        for family in (before ^ after) & families:
            yield "extension", f"{name} {family}", *(("there", None) if family in before else (None, "there"))


def _set_types(old: Subject, new: Subject) -> Iterator[Fact]:
    ipsets = [side.tools["ipset"].binary("ipset") for side in (old, new)]
    if any(
        found is None or not side.starts(found.resolved_path) for side, found in zip((old, new), ipsets, strict=True)
    ):
        return
    highest = []
    for side in (old, new):
        found: dict[str, int] = {}
        for name, revision in side.answers.set_types:
            found[name] = max(revision, found.get(name, 0))
        highest.append({name: f"revision {revision}" for name, revision in found.items()})
    if all(highest):
        yield from _differing("set type", highest[0], highest[1])
    elif any(highest):
        yield "set type", "all", "there" if highest[0] else None, "there" if highest[1] else None


def _config(old: Subject, new: Subject) -> Iterator[Fact]:
    def said(side: Subject) -> Mapping[str, str]:
        run = side.image.run
        words = {"entrypoint": run.entrypoint, "command": run.cmd}
        single = {"user": run.user, "working-directory": run.working_dir}
        environment = dict(entry.split("=", 1) for entry in run.env)
        return {
            **{name: "[" + ", ".join(f'"{word}"' for word in value) + "]" for name, value in words.items() if value},
            **{name: value for name, value in single.items() if value},
            **{f"${name}": value for name, value in environment.items()},
        }

    yield from _differing("config", said(old), said(new))


def _layers(old: Subject, new: Subject) -> Iterator[Fact]:
    before, after = ({layer.diff_id for layer in side.image.layers} for side in (old, new))
    for name in before ^ after:
        yield "layer", name, "there" if name in before else None, "there" if name in after else None


def _same_machine(old: Subject, new: Subject) -> bool:
    return old.image.run.architecture == new.image.run.architecture


def _contents(old: Subject, new: Subject) -> Iterator[Fact]:
    """Contents that no package's version explains."""
    if not _same_machine(old, new):
        return
    before, after = ({plain(path): path for path in side.elfs()} for side in (old, new))
    for place in before.keys() & after.keys():
        owners = old.owner(before[place]), new.owner(after[place])
        versions = [side.answers.packages.get(owner) for side, owner in zip((old, new), owners, strict=True)]
        explained = all(owners) and (owners[0] != owners[1] or versions[0] != versions[1])
        digests = old.content(before[place]), new.content(after[place])
        if digests[0] != digests[1] and not explained:
            yield "content", place, digests[0][:12], digests[1][:12]


def _relayered(old: Subject, new: Subject) -> Iterator[Fact]:
    ids = [{layer.diff_id for layer in side.image.layers} for side in (old, new)]
    for tool in _kept(old, new):
        for path in old.files(old.tools[tool]) & new.files(new.tools[tool]):
            before, after = (side.writers[f"/{side.tree.resolve(path)}"] for side in (old, new))
            if before != after and (before in ids[1] or after in ids[0]):
                yield "layer of", f"{tool} {plain(path)}", before, after


def _executables(old: Subject, new: Subject) -> Iterator[Fact]:
    """Programs that PATH reaches and that neither a tool nor a package's version explains."""
    versions = [side.answers.packages for side in (old, new)]
    tools = {binary.resolved_path for side in (old, new) for tool in side.tools.values() for binary in tool.binaries}
    reached = [executables(side.image, side.tree) for side in (old, new)]
    found: list[dict[str, str]] = [{}, {}]
    for number, side in enumerate((old, new)):
        other = (new, old)[number]
        folders = {plain(folder + "/") for folder in search_path(other.image)}
        known = {plain(path) for path in reached[1 - number]}
        for path in reached[number].keys() - tools:
            owner = side.owner(path)
            explained = bool(owner) and versions[0].get(owner) != versions[1].get(owner)
            searched = any(plain(posixpath.dirname(name) + "/") in folders for name in reached[number][path])
            if (
                plain(path) not in known
                and not explained
                and searched
                and not _LOADER.fullmatch(posixpath.basename(path))
            ):
                found[number][plain(path)] = "there"
    yield from _differing("executable", found[0], found[1])


def _platform(old: Subject, new: Subject) -> Iterator[Fact]:
    if not _same_machine(old, new):
        yield "platform", "platform", old.image.run.architecture, new.image.run.architecture
    names = [re.search(r'^PRETTY_NAME="(.*)"', _os_release(side), re.MULTILINE) for side in (old, new)]
    shown = [match[1] if match else None for match in names]
    if shown[0] != shown[1]:
        yield "distribution", "distribution", shown[0], shown[1]


def _os_release(side: Subject) -> str:
    try:
        return side.tree.read("etc/os-release").decode()
    except FixtureError:
        return ""


def claims(diff: Diff, old: Subject, new: Subject) -> set[Fact]:
    """What a diff says, in the same words; findings, requirements and floors of the kernel are left to other tests."""
    found = {fact for change in diff.changes for fact in _claims(change, old, new)}
    asked = {name for side in (old, new) for name in side.answers.tools}
    first = {tool for tool, name in _FIRST.items() if all(name in side.answers.tools for side in (old, new))}
    known = {"tool version": first} | dict.fromkeys(("version", "flavour", "moved", "name"), asked)
    return _heard({fact for fact in found if fact[0] not in known or fact[1] in known[fact[0]]}, old, new)


def _claims(  # noqa: PLR0912 - one case per kind of change
    change: Change, old: Subject, new: Subject
) -> Iterator[Fact]:
    before = "there" if change.old is not None else None
    after = "there" if change.new is not None else None
    match change.kind:
        case "package-added" | "package-removed" | "package-upgraded" | "package-downgraded" | "package-changed":
            yield "package", change.subject, change.old, change.new
        case "tool-lost" | "tool-gained":
            yield "tool", change.subject, before, after
        case "finding-new" | "finding-fixed":
            # A lost tool's cause is one change: that its programs are missing.
            rule, _, name = change.subject.partition(" ")
            whole, less = (old, new) if change.kind == "finding-new" else (new, old)
            for tool, found in whole.tools.items():
                named = name in {binary.name for binary in found.binaries}
                if rule == "tool-missing" and named and not less.tools[tool].binaries:
                    yield "tool", tool, *(("there", None) if whole is old else (None, "there"))
        case "tool-version":
            yield "tool version", change.subject, change.old, change.new
        case "program-version":
            for name in change.subject.split(", "):
                yield "version", name, change.old, change.new
        case "tool-flavour":
            for name in change.why.split(":")[0].split(", "):
                yield "flavour", name, change.old, change.new
        case "program-lost" | "program-gained":
            yield "name", change.subject, before, after
        case "flavour-lost" | "flavour-gained":
            other = new if change.old else old
            for name in (change.old or change.new or "").split(", "):
                if name not in {binary.name for binary in other.tools[change.tools[0]].binaries}:
                    yield "name", name, before, after
        case "program-architecture":
            for name in change.subject.split(", "):
                yield "machine", name, *(("other", "own") if change.assessment == "improvement" else ("own", "other"))
        case "program-moved" if posixpath.basename(change.old or "") not in old.answers.tools:
            for name in change.subject.split(", "):
                yield "moved", name, change.old, change.new
        case "library-added" | "library-removed" if not _LOADER.fullmatch(posixpath.basename(change.subject)):
            for tool in change.tools:
                yield "library", f"{tool} {change.subject}", before, after
        case "library-bumped":
            assert stem(change.old or "") == change.subject
            for tool in change.tools:
                yield "library", f"{tool} {change.old}", "there", None
                yield "library", f"{tool} {change.new}", None, "there"
        case "library-moved":
            for tool in change.tools:
                paths = [_plain((value or "").split(", ")) for value in (change.old, change.new)]
                yield "library path", f"{tool} {change.subject}", paths[0], paths[1]
        case "symbol-floor":
            for tool in change.tools:
                yield "symbol", f"{tool} {change.subject}", change.old, change.new
        case "extension-lost" | "extension-gained":
            for family in (change.old or change.new or "").split(", "):
                yield "extension", f"{change.subject.split()[-1]} {family}", before, after
        case "set-type-lost" | "set-type-gained" if change.subject == "all set types":
            yield "set type", "all", before, after
        case "set-type-lost" | "set-type-gained" | "set-type-revision":
            yield "set type", change.subject, change.old, change.new
        case "entrypoint" | "command" | "user" | "working-directory":
            yield "config", change.subject, change.old, change.new
        case "environment" | "path":
            yield "config", f"${change.subject}", change.old, change.new
        case "layer-added" | "layer-removed":
            yield "layer", change.subject, before, after
        case "file-changed":
            digests = [(value or "").removeprefix("sha256:")[:12] for value in (change.old, change.new)]
            yield "content", plain(change.subject), digests[0], digests[1]
        case "layer-moved":
            for tool in change.tools:
                yield "layer of", f"{tool} {plain(change.subject)}", change.old, change.new
        case "executable-added" | "executable-removed":
            side = old if change.new is None else new
            yield "executable", plain(f"/{side.tree.resolve(change.subject)}"), before, after
        case "package-database" | "distribution":
            yield change.kind, change.subject, change.old, change.new
        case "platform":
            yield change.kind, change.subject, old.image.run.architecture, new.image.run.architecture
