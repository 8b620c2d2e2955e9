"""The documented tools as PATH reaches them: every name, what it runs, and which version that is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from msgspec.structs import replace

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.file import ElfFile, NotElf
from auditor.filetree import Content, FileKind, FileTree
from auditor.inventory.capabilities import capability_names
from auditor.inventory.declared import DeclaredVersions
from auditor.inventory.model import Binary, ClosureEntry, Tool
from auditor.inventory.owners import Owners
from auditor.inventory.standins import StandIn
from auditor.machine import describe
from auditor.packages import Package
from auditor.tools.catalogue import is_built_from, is_picked_at_run_time, order, project_of, tools_of
from auditor.tools.identify import NOT_OF_A_PROJECT, identify, identify_by_pattern
from auditor.tools.model import Evidence, Identity

_SET_ID = 0o6000


class ToolReader:
    """Reads the tools of one image; each file is identified once for each name that it is called by."""

    def __init__(
        self,
        tree: FileTree,
        linker: Linker,
        owners: Owners,
        closures: Mapping[str, Closure],
        stand_ins: Mapping[str, StandIn],
        patterns: Mapping[str, re.Pattern[bytes]],
        version_from: Mapping[str, str],
        declared: DeclaredVersions,
    ) -> None:
        self._tree = tree
        self._linker = linker
        self._owners = owners
        self._closures = closures
        self._stand_ins = stand_ins  # by the path that PATH takes
        self._patterns = patterns  # of versions, by tool: what a spec says of those that aren't known here
        self._version_from = version_from  # by tool: what else says its version
        self._declared = declared

    def tools(self, reached: Mapping[str, tuple[str, str]], asked: Mapping[str, tuple[str, ...]]) -> tuple[Tool, ...]:
        """The tools that are asked for (`asked`: tool -> programs), each with every name of it that PATH reaches.

        `reached` are the names that PATH leads to, each with the path that execvp(3) takes and the real path.
        """
        found: dict[str, dict[str, str]] = {tool: {} for tool in asked}
        for name, (path, real_path) in reached.items():
            owners = tools_of(name)
            for tool, programs in asked.items():
                if name in programs or tool in owners:
                    found[tool][path] = real_path
        return tuple(self._tool(tool, paths) for tool, paths in found.items())

    def _tool(self, name: str, paths: Mapping[str, str]) -> Tool:
        ordered = sorted(paths, key=lambda path: order(name, path.rpartition("/")[2]))
        ends = {path: self._end(path, paths[path]) for path in ordered}
        identities = {path: self._identity(name, path, ends[path]) for path in ordered}
        found = [self._binary(name, path, ends[path], identities[path]) for path in ordered]
        if not found:
            return Tool(name, None, (), (), "not in the image")
        own = [binary for binary in found if binary.kind == "program" and identities[binary.path].tool == name]
        picked = tuple(self._picked(name, found))
        binaries = tuple(self._with_candidates(name, binary, own, picked) for binary in found)
        first = binaries[0]
        evidence = [Evidence("via", script, first.resolved_path) for script in first.via]
        evidence += identities[first.path].evidence
        if first.package_version is not None:
            evidence.append(Evidence("package", f"{first.package} {first.package_version}", first.resolved_path))
        version = first.version
        known = {binary.resolved_path for binary in found}
        candidates = tuple(binary for binary in picked if binary.resolved_path not in known)
        pattern = self._patterns[name].pattern.decode() if name in self._patterns else ""
        version_by = " ".join(filter(None, (self._version_from.get(name, ""), pattern)))
        return Tool(name, version, tuple(evidence), binaries, "" if version else first.reason, candidates, version_by)

    def _end(self, path: str, real_path: str) -> str:
        """The program at the end of a script, or what the path leads to."""
        stand_in = self._stand_ins.get(path)
        return stand_in.program if stand_in and stand_in.program else real_path

    def _picked(self, tool: str, binaries: Iterable[Binary]) -> Iterator[Binary]:
        """What the scripts among these binaries name as programs that they may pick, where it is of the tool."""
        named = {
            path: binary.name
            for binary in binaries
            if binary.path in self._stand_ins
            for path in self._stand_ins[binary.path].candidates
        }
        for path, name in named.items():
            identity = self._identity(tool, name, path)
            if identity.tool == tool:
                yield self._binary(tool, path, path, identity)

    def _with_candidates(self, tool: str, binary: Binary, own: list[Binary], picked: tuple[Binary, ...]) -> Binary:
        """A script that can't be followed, or a launcher, with the programs that it may pick.

        It names them itself; or it is of a project whose programs are picked at run time, and picks among those.
        """
        stand_in = self._stand_ins.get(binary.path)
        if binary.kind not in ("script", "program") or binary.reason not in ("script", *NOT_OF_A_PROJECT):
            return binary
        named = [one for one in picked if stand_in and one.resolved_path in stand_in.candidates]
        chosen = named or (_within(own, stand_in) if is_picked_at_run_time(tool) else [])
        paths = tuple(dict.fromkeys(one.resolved_path for one in chosen))
        if binary.kind == "program":
            why = f"{binary.path} is a program that picks one of the tool's at run time"
            return (
                replace(binary, kind="launcher", reason="launcher", candidates=paths, unknown=why) if paths else binary
            )
        if stand_in is None:
            return binary
        if not paths and stand_in.again and is_picked_at_run_time(tool):
            return replace(binary, kind="other", reason="a script that picks a program of the tool, and there is none")
        return replace(binary, candidates=paths, unknown=stand_in.reason)

    def _binary(self, tool: str, path: str, real_path: str, identity: Identity) -> Binary:
        node = self._tree.find(real_path).node
        assert node is not None  # it was found on PATH
        elf = self._linker.elf(real_path)
        stand_in = self._stand_ins.get(path)
        kind = _kind(elf, identity)
        record = self._owners.record(real_path)
        vouched = self._owners.vouches(real_path)
        package_version = record.package.upstream_version if record else None
        version, reason = identity.version, identity.reason
        by_package = vouched and record and _is_project(tool, identity, record.package)
        if kind == "program" and version is None and by_package and tool not in self._version_from:
            version, reason = package_version, ""
        elif project_of(tool) is None and reason in NOT_OF_A_PROJECT:
            reason = "no version string"  # of a project that is known by its programs' names only
        if stand_in and stand_in.problem:
            kind, reason = "other", stand_in.problem
        closure = self._closures.get(real_path)
        return Binary(
            name=path.rpartition("/")[2],
            path=path,
            resolved_path=real_path,
            kind=kind,
            version=None if kind in ("applet", "other", "script") else version,
            flavour=identity.flavour,
            architecture=describe(elf) if elf else None,
            interpreter=elf.interpreter if elf else None,
            layer=node.layer,
            package=self._owners.label(real_path),
            setuid=bool(node.mode & _SET_ID),
            capabilities=capability_names(node.capabilities),
            closure=self.entries(closure) if closure else (),
            reason=reason,
            package_version=package_version,
            vouched=vouched,
            via=stand_in.via if stand_in and stand_in.program else (),
            target=stand_in.target if stand_in else "",
        )

    def entries(self, closure: Closure) -> tuple[ClosureEntry, ...]:
        """A closure as the report shows it, without the program itself."""
        return tuple(
            ClosureEntry(
                soname=entry.name,
                path=entry.path,
                found_by=entry.found_by,
                layer=node.layer if (node := self._tree.find(entry.real_path).node) else None,
                package=self._owners.label(entry.real_path),
            )
            for entry in closure.objects
            if entry.real_path != closure.program
        )

    def _identity(self, tool: str, path: str, real_path: str) -> Identity:
        elf = self._linker.elf(real_path)
        node = self._tree.find(real_path).node
        if node is None or node.kind is not FileKind.REGULAR or node.content is None:
            return Identity("", None, None, (), "its content was not kept")
        closure = self._closures.get(real_path)

        def library(pattern: str) -> tuple[str, Content] | None:
            for entry in closure.objects if closure else ():
                found = self._tree.find(entry.real_path).node
                if fnmatchcase(entry.soname or entry.name, pattern) and found is not None and found.content is not None:
                    return entry.real_path, found.content
            return None

        read = elf or NotElf("not an ELF file")
        if tool in self._version_from:
            plain = identify(path.rpartition("/")[2], real_path, node.content, read, library)
            if plain.reason == "applet" or (plain.reason != "script" and elf is None):
                return plain
            told = self._declared.version(self._version_from[tool], real_path)
            return Identity(tool, told.version, None, told.evidence, told.reason)
        if tool in self._patterns:
            return identify_by_pattern(tool, self._patterns[tool], real_path, node.content, read)
        return identify(path.rpartition("/")[2], real_path, node.content, read, library)


def _within(binaries: list[Binary], stand_in: StandIn | None) -> list[Binary]:
    """Those that a script can start: where the directory is literal, those of that directory."""
    if stand_in is None or not stand_in.folder:
        return binaries
    return [
        one
        for one in binaries
        if stand_in.folder in (one.path.rpartition("/")[0], one.resolved_path.rpartition("/")[0])
    ]


def _kind(elf: ElfFile | None, identity: Identity) -> str:
    if identity.reason in ("script", "applet"):
        return identity.reason
    # A script is a program of a tool whose spec says where its version shows.
    return "program" if elf is not None or identity.tool else "other"


def _is_project(tool: str, identity: Identity, package: Package) -> bool:
    """Whether a package's version is the tool's: it is built from the tool's own source, or the tool is not known."""
    return identity.tool == tool or is_built_from(tool, package.source or package.name)
