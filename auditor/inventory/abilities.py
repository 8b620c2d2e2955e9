"""What ipset and ip know how to make: set types, and kinds of links."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.filetree import FileTree
from auditor.inventory.model import Tool
from auditor.tools.link_types import known_link_types
from auditor.tools.model import SetType
from auditor.tools.project.iproute2 import IP
from auditor.tools.project.ipset import IPSET, LIBRARY
from auditor.tools.set_types import plugin_directories, set_types


def known_set_types(
    tree: FileTree, linker: Linker, closures: Mapping[str, Closure], tools: Iterable[Tool]
) -> tuple[SetType, ...]:
    """The set types of what `ipset` runs: of its libipset, or its own where it is linked in, and of its plug-ins.

    A build with set types as modules loads every `.so` of one directory (libipset's ipset_load_types).
    """
    ipset = next((binary for tool in tools if tool.name == IPSET for binary in tool.programs), None)
    if ipset is None:
        return ()
    for path in (*(entry.path for entry in ipset.closure if fnmatchcase(entry.soname, LIBRARY)), ipset.resolved_path):
        node, elf = tree.find(path).node, linker.elf(path)
        if node is not None and node.content is not None and elf is not None:
            found = set(set_types(node.content, elf, linker.counted(path)))
            for plugin in _plugins(tree, plugin_directories(node.content, elf)):
                closure = closures.get(ipset.resolved_path)
                if closure is not None and not linker.plugin(closure, plugin, path).problems:
                    found |= _set_types_at(tree, linker, plugin)
            if found:
                return tuple(sorted(found, key=lambda one: (one.name, one.revision, one.family, one.dimension)))
    return ()


def _plugins(tree: FileTree, directories: Iterable[str]) -> Iterator[str]:
    for directory in directories:
        yield from (f"{directory}/{name}" for name in sorted(tree.listdir(directory)) if name.endswith(".so"))


def _set_types_at(tree: FileTree, linker: Linker, path: str) -> set[SetType]:
    node, elf = tree.find(path).node, linker.elf(path)
    return set(set_types(node.content, elf, linker.counted(path))) if node and node.content and elf else set()


def link_types_of_ip(tree: FileTree, tools: Iterable[Tool], names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that the image's `ip` knows."""
    ip = next((binary for tool in tools for binary in tool.binaries if binary.name == IP), None)
    node = tree.find(ip.resolved_path).node if ip is not None else None
    if node is None or node.content is None:
        return ()
    return known_link_types(node.content, names)
