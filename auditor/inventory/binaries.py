"""The documented tools as PATH reaches them: every name, what it runs, and which version that is."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.file import ElfFile, NotElf
from auditor.filetree import Content, FileKind, FileTree
from auditor.inventory.capabilities import capability_names
from auditor.inventory.model import Binary, ClosureEntry, Tool
from auditor.inventory.owners import Owners
from auditor.machine import describe
from auditor.packages import Package
from auditor.tools.catalogue import is_built_from, order, tools_of
from auditor.tools.identify import identify
from auditor.tools.model import Evidence, Identity

_SET_ID = 0o6000


class ToolReader:
    """Reads the tools of one image; each file is identified once for each name that it is called by."""

    def __init__(self, tree: FileTree, linker: Linker, owners: Owners, closures: Mapping[str, Closure]) -> None:
        self._tree = tree
        self._linker = linker
        self._owners = owners
        self._closures = closures

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
        identities = {path: self._identity(path, paths[path]) for path in ordered}
        binaries = tuple(self._binary(name, path, paths[path], identities[path]) for path in ordered)
        if not binaries:
            return Tool(name, None, (), (), "not in the image")
        first = binaries[0]
        evidence = [*identities[first.path].evidence]
        if first.package_version is not None:
            evidence.append(Evidence("package", f"{first.package} {first.package_version}", first.resolved_path))
        version = first.version
        return Tool(name, version, tuple(evidence), binaries, "" if version else first.reason)

    def _binary(self, tool: str, path: str, real_path: str, identity: Identity) -> Binary:
        node = self._tree.find(real_path).node
        assert node is not None  # it was found on PATH
        elf = self._linker.elf(real_path)
        kind = _kind(elf, identity)
        record = self._owners.record(real_path)
        vouched = self._owners.vouches(real_path)
        package_version = record.package.upstream_version if record else None
        version, reason = identity.version, identity.reason
        if kind == "program" and version is None and vouched and record and _is_project(tool, identity, record.package):
            version, reason = package_version, ""
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

    def _identity(self, path: str, real_path: str) -> Identity:
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

        return identify(path.rpartition("/")[2], real_path, node.content, elf or NotElf("not an ELF file"), library)


def _kind(elf: ElfFile | None, identity: Identity) -> str:
    if identity.reason in ("script", "applet"):
        return identity.reason
    return "other" if elf is None else "program"


def _is_project(tool: str, identity: Identity, package: Package) -> bool:
    """Whether a package's version is the tool's: it is built from the tool's own source, or the tool is not known."""
    return identity.tool == tool or is_built_from(tool, package.source or package.name)
