"""What really differs between two images, from their own loader, tools, package database and layers.

Everything is a fact (kind, subject, old, new): `facts` takes them from the images, `claims` from a diff. Which
programs make up a tool is the one thing that is taken from the reports.
"""

import hashlib
import io
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from auditor.inventory.model import Tool
from auditor.report.diff.area.closures import stem
from auditor.report.diff.model import Change, Diff
from auditor.report.model import Report
from fixtures.entries import Kind, Tree
from fixtures.image import BuiltImage
from fixtures.layertar import read_layer
from fixtures.oracle import Oracle, executables, oracle, search_path
from fixtures.workspace import FixtureError

Fact = tuple[str, str, str | None, str | None]
_MACHINE = re.compile(r"(?:x86_64|aarch64|powerpc64le|s390x)-linux-gnu")
_LOADER = re.compile(r"ld-linux[\w-]*\.so\.\d|ld64\.so\.\d")
_VERSION = re.compile(r"(?P<space>.+)_(?P<version>\d+(?:\.\d+)*)")
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
        return {tool: {soname: frozenset(paths) for soname, paths in names.items()} for tool, names in found.items()}

    def files(self, tool: Tool) -> set[str]:
        """Every program of a tool and every library of theirs."""
        libraries = self.closures.get(tool.name, {})
        return {binary.resolved_path for binary in tool.binaries} | {p for paths in libraries.values() for p in paths}

    @cached_property
    def writers(self) -> Mapping[str, str]:
        """Path -> the layer that last wrote it."""
        found: dict[str, str] = {}
        for layer in self.image.layers:
            found |= {f"/{path}": layer.diff_id for path in read_layer(layer.tar).entries}
        return found

    @cached_property
    def plugins(self) -> Mapping[str, set[str]]:
        """Extension -> families, by the files that iptables looks up and that its loader takes."""
        found: dict[str, set[str]] = defaultdict(set)
        folders = {posixpath.dirname(path) for path in self.tree if "/xtables/lib" in path}
        for folder in folders:
            for name in self.tree.children(folder):
                for prefix, families in _FAMILIES.items():
                    if name.startswith(prefix) and self._loads(f"{folder}/{name}"):
                        found[name.removeprefix(prefix).removesuffix(".so")] |= families
        return found

    def _loads(self, path: str) -> bool:
        try:
            plugin = self.answers.plugins.get(f"/{self.tree.resolve(path)}")
        except FixtureError:
            return False
        return plugin is not None and not plugin.ldd.missing and not plugin.ldd.other

    @cached_property
    def symbols(self) -> Mapping[str, Mapping[str, str]]:
        """Tool -> name space -> the newest version that a program or library of it needs."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for tool in self.tools.values():
            for path in self.files(tool):
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

    def owner(self, path: str) -> str:
        """The package that dpkg names for a path, whichever way it is written; empty where it knows none."""
        ways = (path, path.removeprefix("/usr"), f"/usr{path}")
        return next((self.answers.owners[way] for way in ways if way in self.answers.owners), "")

    def elfs(self) -> set[str]:
        """Every ELF file that the tools use, plug-ins included."""
        paths = {path for tool in self.tools.values() for path in self.files(tool)} | set(self.answers.plugins)
        return {real for path in paths if (real := self._real(path)) is not None}

    def _real(self, path: str) -> str | None:
        try:
            real = self.tree.resolve(path)
        except FixtureError:
            return None
        entry = self.tree.get(real)
        return f"/{real}" if entry is not None and entry.kind in (Kind.FILE, Kind.HARDLINK) else None


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
    return {fact for kind in kinds for fact in kind(old, new)}


def _differing(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Fact]:
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            yield kind, name, old.get(name), new.get(name)


def _packages(old: Subject, new: Subject) -> Iterator[Fact]:
    if old.answers.packages and new.answers.packages:
        yield from _differing("package", old.answers.packages, new.answers.packages)
    elif old.answers.packages or new.answers.packages:
        count = [f"{len(side.answers.packages)} packages" if side.answers.packages else None for side in (old, new)]
        yield "package-database", "deb", count[0], count[1]


def _asked(side: Subject, tool: str) -> Mapping[str, tuple[str, str, str]]:
    """Name -> path, version, flavour of the names of a tool that were run."""
    names = {binary.name for binary in side.tools[tool].binaries}
    found = {name: answer for name, answer in side.answers.tools.items() if name in names}
    return {name: (answer.path, answer.version, answer.flavour) for name, answer in found.items()}


def _tools(old: Subject, new: Subject) -> Iterator[Fact]:
    for tool in old.tools.keys() & new.tools.keys():
        before, after = _asked(old, tool), _asked(new, tool)
        if bool(before) != bool(after):
            yield "tool", tool, "there" if before else None, "there" if after else None
            continue
        for name in before.keys() & after.keys():
            versions = before[name][1], after[name][1]
            if versions[0] != versions[1] and all(versions):
                yield "version", name, versions[0], versions[1]
            flavours = before[name][2], after[name][2]
            if flavours[0] != flavours[1] and all(flavours):
                yield "flavour", name, flavours[0], flavours[1]
            if before[name][0] != after[name][0]:
                yield "moved", name, posixpath.dirname(before[name][0]), posixpath.dirname(after[name][0])
        for name in before.keys() ^ after.keys():
            yield "name", name, "there" if name in before else None, "there" if name in after else None


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


def _plain(paths: frozenset[str]) -> str:
    return ", ".join(sorted(_MACHINE.sub("MACHINE", path) for path in paths))


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
    if "ipset" not in _kept(old, new):
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
    for path in old.elfs() & new.elfs() if _same_machine(old, new) else ():
        owners = old.owner(path), new.owner(path)
        versions = [side.answers.packages.get(owner) for side, owner in zip((old, new), owners, strict=True)]
        explained = all(owners) and (owners[0] != owners[1] or versions[0] != versions[1])
        if old.content(path) != new.content(path) and not explained:
            yield "content", path, old.content(path)[:12], new.content(path)[:12]


def _relayered(old: Subject, new: Subject) -> Iterator[Fact]:
    ids = [{layer.diff_id for layer in side.image.layers} for side in (old, new)]
    for tool in _kept(old, new):
        for path in old.files(old.tools[tool]) & new.files(new.tools[tool]):
            before, after = old.writers[path], new.writers[path]
            if before != after and (before in ids[1] or after in ids[0]):
                yield "layer of", f"{tool} {path}", before, after


def _executables(old: Subject, new: Subject) -> Iterator[Fact]:
    """Programs that PATH reaches and that neither a tool nor a package's version explains."""
    versions = [side.answers.packages for side in (old, new)]
    tools = {binary.resolved_path for side in (old, new) for tool in side.tools.values() for binary in tool.binaries}
    reached = [executables(side.image, side.tree) for side in (old, new)]
    found: list[dict[str, str]] = [{}, {}]
    for number, side in enumerate((old, new)):
        other = (new, old)[number]
        folders = {other.tree.resolve(folder) for folder in search_path(other.image)}
        for path in reached[number].keys() - reached[1 - number].keys() - tools:
            owner = side.owner(path)
            explained = bool(owner) and versions[0].get(owner) != versions[1].get(owner)
            searched = any(side.tree.place(posixpath.dirname(name)) in folders for name in reached[number][path])
            if not explained and searched:
                found[number][path] = "there"
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
    found = {fact for change in diff.changes for fact in _claims(change, diff, old, new)}
    asked = {name for side in (old, new) for name in side.answers.tools}
    return {fact for fact in found if fact[0] not in ("version", "flavour", "moved", "name") or fact[1] in asked}


def _claims(  # noqa: PLR0912 - one case per kind of change
    change: Change, diff: Diff, old: Subject, new: Subject
) -> Iterator[Fact]:
    before = "there" if change.old is not None else None
    after = "there" if change.new is not None else None
    match change.kind:
        case "package-added" | "package-removed" | "package-upgraded" | "package-downgraded" | "package-changed":
            yield "package", change.subject, change.old, change.new
        case "tool-lost" | "tool-gained":
            yield "tool", change.subject, before, after
        case "tool-version":
            for name in _followers(change, diff, old, new):
                yield "version", name, change.old, change.new
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
        case "program-moved" if posixpath.basename(change.old or "") not in old.answers.tools:
            for name in change.subject.split(", "):
                yield "moved", name, change.old, change.new
        case "library-added" | "library-removed":
            for tool in change.tools:
                yield "library", f"{tool} {change.subject}", before, after
        case "library-bumped":
            assert stem(change.old or "") == change.subject
            for tool in change.tools:
                yield "library", f"{tool} {change.old}", "there", None
                yield "library", f"{tool} {change.new}", None, "there"
        case "library-moved":
            for tool in change.tools:
                paths = [_plain(frozenset((value or "").split(", "))) for value in (change.old, change.new)]
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
            yield "content", change.subject, digests[0], digests[1]
        case "layer-moved":
            for tool in change.tools:
                yield "layer of", f"{tool} {change.subject}", change.old, change.new
        case "executable-added" | "executable-removed":
            side = old if change.new is None else new
            yield "executable", f"/{side.tree.resolve(change.subject)}", before, after
        case "package-database" | "distribution":
            yield change.kind, change.subject, change.old, change.new
        case "platform":
            yield change.kind, change.subject, old.image.run.architecture, new.image.run.architecture


def _followers(change: Change, diff: Diff, old: Subject, new: Subject) -> set[str]:
    """The names of a tool that a change of its version speaks for: all that are not told apart."""
    told = {
        name
        for other in diff.changes
        if other.kind == "program-version" and other.tools == change.tools
        for name in other.subject.split(", ")
    }
    names = [_asked(side, change.subject).keys() for side in (old, new)]
    return set(names[0] & names[1]) - told
