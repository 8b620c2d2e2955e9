"""From an image to its inventory: one look at each thing, in the order in which they build on each other."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auditor.elf.linker import Linker
from auditor.elf.read.architecture import architecture
from auditor.filetree import FileTree, LookupFault, read_file
from auditor.image.model import Image, Platform
from auditor.inventory.binaries import ToolReader
from auditor.inventory.drift import changed_files, missing_files
from auditor.inventory.kmod import take_kmod
from auditor.inventory.model import (
    Distribution,
    Inventory,
    Problem,
    RuntimeConfig,
    StartProblem,
    StartUnknown,
    Tool,
    Unusable,
    Whereabouts,
)
from auditor.inventory.objects import elf_objects, find_floors
from auditor.inventory.owners import Owners
from auditor.inventory.plugins import PluginReader
from auditor.inventory.programs import look_at_programs, merge_notices, merge_problems
from auditor.inventory.whereabouts import NameIndex
from auditor.packages import read_packages
from auditor.process.launch import launch as follow_launch
from auditor.process.model import Launch, LaunchFault
from auditor.process.path import SearchPath, environment, executables, lookup, search_path
from auditor.tools.link_types import known_link_types
from auditor.tools.model import SetType
from auditor.tools.set_types import set_types

_MAX_TEXT = 1 << 16
_OS_RELEASE = re.compile(r"""^(ID|VERSION_ID|PRETTY_NAME)=(["']?)(.*)\2$""", re.MULTILINE)
_LIBRARY_FAULT = "library-missing"
_PLUGIN_PREFIXES = ("libxt_", "libipt_", "libip6t_")
_VARIANTS = tuple(
    f"{tool}-{word}{suffix}"
    for tool in ("iptables", "ip6tables")
    for word in ("nft", "legacy")
    for suffix in ("", "-save", "-restore")
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for beside the known: program names by tool, link types in `ip`, names of xtables extensions."""

    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link_types: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


def take_inventory(image: Image, wanted: Wanted) -> Inventory:
    """Find everything that a report is about."""
    tree, config = image.tree, image.config
    programs = wanted.programs
    env = environment(config.env)
    search = search_path(config.env, config.working_dir)
    packages = read_packages(tree)
    owners = Owners(tree, packages)
    linker = Linker(
        tree, env=env, working_dir=config.working_dir or "/", machine=architecture(config.platform.architecture)
    )
    on_path = executables(tree, search)
    launch = follow_launch(tree, config)
    looked_at = look_at_programs(tree, on_path, launch, linker, owners)
    closures = looked_at.closures

    names = {path.rpartition("/")[2] for entry in on_path for path in entry.names}
    reached = {name: _reach(tree, name, search) for name in sorted(names)}
    tools = ToolReader(tree, linker, owners, closures).tools(reached, programs)
    plugins = PluginReader(tree, linker, closures, env)
    extensions = plugins.extensions(tools)

    tool_paths = _paths_by_tool(tools)
    tool_closures = [closures[path] for path in tool_paths if path in closures]
    used: dict[str, set[str]] = {}
    for path, by in tool_paths.items():
        for entry in closures[path].objects if path in closures else ():
            used.setdefault(entry.real_path, set()).update(by)
        used.setdefault(path, set()).update(by)

    problems = merge_problems(tree, closures.values())
    index = NameIndex(tree, lambda path: elf.soname if (elf := linker.elf(path)) else None)
    asked = {name: tool for tool, wanted in programs.items() for name in wanted if name not in reached}
    missed = {name: {tool} for name, tool in asked.items()} | _missing_libraries(problems, tool_paths)
    tool_packages: dict[str, set[str]] = {}
    for path, by in tool_paths.items():
        if (record := owners.record(path)) is not None:
            tool_packages.setdefault(record.package.name, set()).update(by)
    gone, rest = missing_files(tree, packages, tool_packages, missed)
    return Inventory(
        platform=config.platform,
        config=RuntimeConfig(config.entrypoint, config.cmd, config.env, config.user, config.working_dir),
        path=search.directories,
        tools=tools,
        executables=looked_at.executables,
        problems=problems,
        notices=merge_notices(closures.values()),
        extensions=extensions,
        set_types=_set_types(tree, linker, tools),
        link_types=_link_types(tree, tools, wanted.link_types),
        packages=owners.installed(),
        package_warnings=tuple(f"{warning.path}: {warning.message}" for warning in packages.warnings),
        distribution=_distribution(tree),
        objects=elf_objects(tree, linker, owners, [*tool_closures, *plugins.plugin_closures]),
        drift=(*changed_files(tree, owners, used), *gone),
        missing_files=rest,
        libraries=index.libraries(),
        whereabouts=_whereabouts(tree, index, search, reached, wanted, problems),
        start_problems=_start_problems(tree, launch),
        start_unknowns=tuple(
            StartUnknown(entry.origin.path, entry.origin.line, entry.message) for entry in launch.unknowns
        ),
        floors=find_floors(tree, linker, tools, closures),
        offered_as=_contradicting(image),
        offered=image.offered if len(image.offered) > 1 else (),
        kmod=take_kmod(tree, linker, owners, search),
    )


def _contradicting(image: Image) -> Platform | None:
    """The platform that an index promises, where the config has another."""
    offered, claimed = image.offered_as, image.config.platform
    if offered is None or (offered.os, offered.architecture) == (claimed.os, claimed.architecture):
        return None
    return offered


def _reach(tree: FileTree, name: str, search: SearchPath) -> tuple[str, str]:
    found = lookup(tree, name, search)
    return found.path or "", found.real_path


def _paths_by_tool(tools: Iterable[Tool]) -> dict[str, set[str]]:
    paths: dict[str, set[str]] = {}
    for tool in tools:
        for binary in tool.binaries:
            paths.setdefault(binary.resolved_path, set()).add(tool.name)
    return paths


def _missing_libraries(problems: Iterable[Problem], tool_paths: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """File names of libraries that programs of the tools lack, with those tools."""
    missing: dict[str, set[str]] = {}
    for problem in problems:
        if problem.fault == _LIBRARY_FAULT:
            tools = {tool for program in problem.programs for tool in tool_paths.get(program, ())}
            if tools:
                missing.setdefault(problem.name.rpartition("/")[2], set()).update(tools)
    return missing


def _set_types(tree: FileTree, linker: Linker, tools: Iterable[Tool]) -> tuple[SetType, ...]:
    """The set types of what `ipset` runs: of its libipset, or its own where it is linked in."""
    ipset = next((binary for tool in tools if tool.name == "ipset" for binary in tool.binaries), None)
    if ipset is None or ipset.kind != "program":
        return ()
    for path in (*(entry.path for entry in ipset.closure if "ipset" in entry.soname), ipset.resolved_path):
        node, elf = tree.find(path).node, linker.elf(path)
        if node is not None and node.content is not None and elf is not None:
            found = set_types(node.content, elf)
            if found:
                return found
    return ()


def _link_types(tree: FileTree, tools: Iterable[Tool], names: Iterable[str]) -> tuple[str, ...]:
    ip = next((binary for tool in tools for binary in tool.binaries if binary.name == "ip"), None)
    node = tree.find(ip.resolved_path).node if ip is not None else None
    if node is None or node.content is None:
        return ()
    return known_link_types(node.content, names)


def _whereabouts(
    tree: FileTree,
    index: NameIndex,
    search: SearchPath,
    reached: Mapping[str, tuple[str, str]],
    wanted: Wanted,
    problems: Iterable[Problem],
) -> tuple[Whereabouts, ...]:
    """Of every program and plug-in that is asked for and not there, and of every library that something lacks."""
    programs = {*_VARIANTS, *(name for names in wanted.programs.values() for name in names)} - reached.keys()
    passed_over: dict[str, set[str]] = {}
    for problem in problems:
        if problem.fault == _LIBRARY_FAULT:
            paths = {tree.find(path).path for path, _ in problem.passed_over}
            passed_over.setdefault(problem.name.rpartition("/")[2], set()).update(paths)
    plugins = {f"{prefix}{name}.so" for prefix in _PLUGIN_PREFIXES for name in wanted.extensions}
    return (
        *(index.of_program(name, _unusable(tree, name, search)) for name in sorted(programs)),
        *(index.of_library(name, passed_over[name]) for name in sorted(passed_over.keys() - programs)),
        *(index.of_file(name) for name in sorted(plugins) if name in index or tree.removals(name)),
    )


def _unusable(tree: FileTree, name: str, search: SearchPath) -> tuple[Unusable, ...]:
    found = lookup(tree, name, search)
    entries = []
    for path, fault in found.passed_over:
        at = tree.find(path)
        if at.node is not None:
            entries.append(Unusable(path, _WORDS.get(fault, fault.value), at.node.layer))
            continue
        reason = "a link in a circle" if at.fault is LookupFault.LOOP else f"a dangling link to {at.path}"
        removals = [removal for removal in tree.removals(at.path.rpartition("/")[2]) if removal.path == at.path]
        link = tree.lstat(at.links[-1] if at.links else path)
        layer = removals[-1].layer if removals else (link.layer if link else None)
        entries.append(Unusable(path, reason, layer))
    return tuple(entries)


_WORDS = {LaunchFault.NOT_EXECUTABLE: "not an executable file"}


def _start_problems(tree: FileTree, launch: Launch) -> tuple[StartProblem, ...]:
    problems = []
    for problem in launch.problems:
        node = tree.find(problem.path).node
        layer = node.layer if node is not None else _deleted_by(tree, problem.path)
        origin = problem.origin
        if node is None and layer is None and origin.path:
            script = tree.find(origin.path).node  # what was never there is mended where it is asked for
            layer = script.layer if script else None
        problems.append(StartProblem(problem.path, problem.message, layer, origin.path, origin.line, origin.text))
    return tuple(problems)


def _deleted_by(tree: FileTree, path: str) -> int | None:
    """The layer that deleted a path, or any file of a bare name."""
    removals = tree.removals(path.rpartition("/")[2])
    fitting = [removal for removal in removals if "/" not in path or removal.path == path]
    return fitting[-1].layer if fitting else None


def _distribution(tree: FileTree) -> Distribution:
    data = read_file(tree, "/etc/os-release", _MAX_TEXT) or read_file(tree, "/usr/lib/os-release", _MAX_TEXT) or b""
    fields = {key: value for key, _, value in _OS_RELEASE.findall(data.decode("utf-8", "replace"))}
    return Distribution(fields.get("ID", ""), fields.get("VERSION_ID", ""), fields.get("PRETTY_NAME", ""))
