"""The rows of a draft: each with what the image shows today as the least that later ones must have."""

import re
from collections.abc import Iterator, Mapping
from functools import cmp_to_key
from typing import Any

from msgspec import Struct
from packaging.version import Version

from auditor import processor
from auditor.auditing.specdraft.look import Look
from auditor.inventory.model import FileFact, GoProgram, InstalledPackage, Tool
from auditor.packages.kinds import compare_versions as compare_packages
from auditor.spec.model import MINIMUM
from auditor.tools.catalogue import compare_versions

Table = Mapping[str, Any]
_MAX_FILES = 30
_LOADER = re.compile(r"/.*|ld[-.].*|ld64\.so.*")
_VERSION = re.compile(MINIMUM)
_GLOB = re.compile(r"([*?[])")


class Section(Struct, frozen=True):
    """Tables under one comment. A table with a name is `[tool.NAME]`, one without a row of its own.

    `otherwise` is what is said where there are none; without it the file then has no word of the section.
    """

    comment: str
    tables: tuple[tuple[str, Table], ...] = ()
    otherwise: str = ""

    @property
    def heading(self) -> str:
        """The line above the tables, or instead of them."""
        return self.comment if self.tables else self.otherwise


def sections(look: Look) -> Iterator[Section]:
    """All of a draft, in the order of its file."""
    for make in (_tools, _libraries, _packages, _files, _config, _floors):
        yield make(look)


def _tools(look: Look) -> Section:
    tables = tuple((tool.name, _tool(look, tool)) for tool in look.tools)
    return Section(
        "What the entrypoint starts, by name, at today's version or later.",
        tables,
        otherwise="The entrypoint starts no program by a name on PATH.",
    )


def _tool(look: Look, tool: Tool) -> Table:
    names = [binary.name for binary in tool.binaries if binary.kind == "program"]
    table: dict[str, Any] = {} if names == [tool.name] else {"programs": names}
    if tool.binaries[0].via:
        return table  # a script, which has no version; that of what it hands over to is a row of its own
    if (
        tool.version
        and _VERSION.fullmatch(tool.version)
        and compare_versions(tool.name, tool.version, tool.version) == 0
    ):
        return {**table, "minimum": tool.version}
    program = next((one for one in look.inventory.go if one.path == tool.binaries[0].resolved_path), None)
    return {**table, **(_of_go(program) if program else {})}


def _of_go(program: GoProgram) -> Table:
    """The main module's version, where the build knew it, else Go's own release."""
    module = program.module
    if module and (match := re.fullmatch(r"v(\d+(?:\.\d+)*)(?:\+incompatible)?", module.version)):
        return {"version_from": f"go:{module.path}", "minimum": match[1]}
    release = re.match(r"go(\d+(?:\.\d+)+)", program.version)
    return {"version_from": "go:stdlib", "minimum": release[1]} if release else {}


def _libraries(look: Look) -> Section:
    users: dict[str, list[str]] = {}
    for tool in look.tools:
        own = (binary for binary in tool.programs[:1] if not binary.via)
        for soname in {entry.soname for binary in own for entry in binary.closure}:
            if ".so" in soname and not _LOADER.fullmatch(soname):
                users.setdefault(soname, []).append(tool.name)
    tables = tuple(
        (
            "",
            {
                "id": f"library.{tool}.{soname}",
                "kind": "library",
                "severity": "error",
                "tools": [tool],
                "sonames": [soname],
            },
        )
        for soname, tools in sorted(users.items())
        for tool in tools
    )
    return Section("Libraries that they load. A row that may change its library goes, or says `libfoo.so.*`.", tables)


def _packages(look: Look) -> Section:
    used = {binary.package for tool in look.tools for binary in tool.programs}
    used |= {entry.package for tool in look.tools for binary in tool.programs for entry in binary.closure}
    tables = []
    for name in sorted(name for name in used if name):
        installed = [package for package in look.inventory.packages if package.name == name]
        if installed:
            tables.append(("", _package(installed)))
    return Section("Packages that programs and libraries are from.", tuple(tables))


def _package(installed: list[InstalledPackage]) -> Table:
    """A row that every installed one of the name meets."""
    first = installed[0]

    def age(one: InstalledPackage, other: InstalledPackage) -> int:
        return compare_packages(first.type, one.version, other.version) or 0

    oldest = min(installed, key=cmp_to_key(age))
    upstream, whole = oldest.upstream_version, oldest.version.rpartition(":")[2]
    known = _VERSION.fullmatch(upstream) and (compare_packages(first.type, whole, upstream) or 0) >= 0
    row = {"id": f"package.{first.name}", "kind": "package", "packages": {first.type: first.name}}
    return {**row, **({"minimum": upstream} if known else {})}


def _files(look: Look) -> Section:
    files = (*look.scripts, *look.configuration)
    left_out = len(files) - _MAX_FILES
    comment = "Scripts that are run, and configuration of the packages."
    if left_out > 0:
        comment += f" {left_out} more configuration files are left out."
    return Section(comment, tuple(("", _file(fact)) for fact in files[:_MAX_FILES]))


def _file(fact: FileFact) -> Table:
    owner = f"{fact.user or fact.uid}:{fact.group or fact.gid}"
    row = {"id": f"file.{fact.path}", "kind": "file", "path": fact.path, "owner": owner, "mode": f"{fact.mode:04o}"}
    return row if fact.empty else {**row, "not_empty": True}


def _config(look: Look) -> Section:
    config = look.inventory.config
    if not config.stated:
        return Section("", otherwise="Nothing is known of an image config: a tree of files has none.")
    row: dict[str, Any] = {"id": "config.container", "kind": "config", "user": config.user or "root"}
    variables = dict(entry.partition("=")[::2] for entry in config.env if "=" in entry)
    row |= {
        "entrypoint": list(config.entrypoint),
        "cmd": list(config.cmd),
        "ports": list(config.ports),
        "env": {name: _GLOB.sub(r"[\1]", value) if name == "PATH" else "*" for name, value in variables.items()},
        "labels": dict.fromkeys(config.labels, "*"),
    }
    comment = "How it is started. Values of variables and labels are glob patterns; only that of PATH is fixed."
    return Section(comment, (("", {name: value for name, value in row.items() if value}),))


def _floors(look: Look) -> Section:
    floors, architecture = look.inventory.floors, look.inventory.architecture
    tables: list[tuple[str, Table]] = []
    if floors.kernel:
        kernel = max((floor.version for floor in floors.kernel), key=Version)
        row = {"id": "kernel.floor", "kind": "kernel", "text": f"Linux {kernel} or later runs it."}
        tables.append(("", {**row, "needs": {"min_version": kernel}}))
    levels = [floor.level for floor in floors.cpu if processor.order(architecture, floor.level) >= 0]
    level = processor.highest(architecture, levels, processor.baseline(architecture))
    if level:
        row = {"id": "cpu.floor", "kind": "cpu", "text": f"Processors of {level} or later run it."}
        tables.append(("", {**row, "cpu_floor": {architecture: level}}))
    return Section("What it asks of a node: an image that asks for more doesn't meet this.", tuple(tables))
