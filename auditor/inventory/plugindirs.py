"""Plug-ins of a product in a directory of its own: which are there, and whether they load in its program."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, NoticeKind
from auditor.filetree import FileKind, FileTree
from auditor.inventory.model import Place, PluginDirectory, PluginFile, Tool

#: (tool, directory) -> glob patterns of file names
Asked = Mapping[tuple[str, str], tuple[str, ...]]


def plugin_directories(
    tree: FileTree, linker: Linker, closures: Mapping[str, Closure], tools: Iterable[Tool], asked: Asked
) -> tuple[PluginDirectory, ...]:
    """Each directory that is asked for, for the first program of its tool: that is what loads the plug-ins."""
    first = {tool.name: tool.programs[0].resolved_path for tool in tools if tool.programs}
    return tuple(
        PluginDirectory(
            tool,
            directory,
            tuple(_files(tree, linker, closures.get(first.get(tool, "")), directory, patterns)),
            tuple(_gone(tree, directory, patterns)),
        )
        for (tool, directory), patterns in sorted(asked.items())
    )


def _files(
    tree: FileTree, linker: Linker, closure: Closure | None, directory: str, patterns: tuple[str, ...]
) -> Iterator[PluginFile]:
    for name in tree.listdir(directory):
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            continue
        path = f"{directory}/{name}"
        found = tree.find(path)
        layer = found.node.layer if found.node else (link.layer if (link := tree.lstat(path)) else None)
        if found.node is None or found.node.kind is not FileKind.REGULAR:
            reason = found.fault.value if found.fault else "not a regular file"
            yield PluginFile(name, layer, loadable=False, reason=f"it is {reason}")
        elif closure is None:
            yield PluginFile(name, layer, loadable=None, reason="the image has no program of the tool that loads it")
        else:
            yield _loaded(name, layer, linker.plugin(closure, path))


def _loaded(name: str, layer: int | None, closure: Closure) -> PluginFile:
    if closure.problems:
        return PluginFile(name, layer, loadable=False, reason=closure.problems[0].message)
    unknown = next((notice.message for notice in closure.notices if notice.kind is NoticeKind.UNKNOWN), "")
    return PluginFile(name, layer, loadable=None if unknown else True, reason=unknown)


def _gone(tree: FileTree, directory: str, patterns: tuple[str, ...]) -> Iterator[Place]:
    """Names without a wildcard that a layer deleted from the directory."""
    real = tree.find(directory).path
    for pattern in patterns:
        for removal in tree.removals(pattern):
            if removal.path == f"{real}/{pattern}":
                yield Place(removal.path, removal.layer)
