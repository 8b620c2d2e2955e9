"""The ELF files behind the tools, one by one: identity, needs, and what they ask of kernel and libraries."""

import re
from collections.abc import Iterable, Mapping

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.file import ElfFile
from auditor.filetree import FileTree
from auditor.inventory.model import ElfObject, Floors, KernelFloor, SymbolFloor, Tool
from auditor.inventory.owners import Owners
from auditor.packages.content import hexdigest

_VERSION = re.compile(r"([A-Z][A-Z0-9_]*?)_((?:\d{1,9}\.)*\d{1,9})")
_ENFORCED = b"FATAL: kernel too old"


def elf_objects(tree: FileTree, linker: Linker, owners: Owners, closures: Iterable[Closure]) -> tuple[ElfObject, ...]:
    """Every object of these closures, by real path."""
    by_path: dict[str, Closure] = {}
    for closure in closures:
        for entry in closure.objects:
            by_path.setdefault(entry.real_path, closure)
    named = {id(closure): _names(closure) for closure in by_path.values()}
    objects = (_object(tree, linker, owners, path, named[id(closure)]) for path, closure in sorted(by_path.items()))
    return tuple(entry for entry in objects if entry is not None)


def _names(closure: Closure) -> Mapping[str, str]:
    """The real paths of its objects by each name that they answer to."""
    return {name: entry.real_path for entry in closure.objects for name in (entry.name, entry.path, entry.soname or "")}


def _object(tree: FileTree, linker: Linker, owners: Owners, path: str, names: Mapping[str, str]) -> ElfObject | None:
    node, elf = tree.find(path).node, linker.elf(path)
    if node is None or node.content is None or not isinstance(elf, ElfFile):
        return None
    wanted = {*elf.needed, *([elf.interpreter] if elf.interpreter else [])}
    needs = {names[name] for name in wanted if name in names}
    return ElfObject(
        path=path,
        soname=elf.soname,
        sha256=hexdigest(node.content, "sha256"),
        build_id=elf.build_id,
        layer=node.layer,
        package=owners.label(path),
        needs=tuple(sorted(needs)),
        sha1=hexdigest(node.content, "sha1"),
    )


def find_floors(tree: FileTree, linker: Linker, tools: Iterable[Tool], closures: Mapping[str, Closure]) -> Floors:
    """The kernel that each file of the tools states, and the newest version of each symbol name space.

    Of what other programs load, only what asks for more than all that the tools have.
    """
    symbols: dict[tuple[str, str], SymbolFloor] = {}
    own: dict[str, Closure] = {}
    for tool in tools:
        for binary in tool.programs:
            closure = closures.get(binary.resolved_path)
            if closure is None:
                continue
            own[binary.resolved_path] = closure
            for entry in closure.objects:
                elf = linker.elf(entry.real_path)
                if isinstance(elf, ElfFile):
                    _raise_symbol_floors(symbols, tool.name, entry.real_path, elf)
    starters: dict[str, bool] = {}
    kernel = _kernel_floors(tree, linker, own.values(), starters)
    others = _kernel_floors(tree, linker, (one for path, one in closures.items() if path not in own), starters)
    more = {
        path: floor for path, floor in others.items() if not any(_covers(known, floor) for known in kernel.values())
    }
    kernel |= more
    return Floors(
        tuple(kernel[path] for path in sorted(kernel)),
        tuple(symbols[key] for key in sorted(symbols)),
    )


def _kernel_floors(
    tree: FileTree, linker: Linker, closures: Iterable[Closure], starters: dict[str, bool]
) -> dict[str, KernelFloor]:
    """By path. `starters` remembers which of what starts programs refuses older kernels."""
    found: dict[str, KernelFloor] = {}
    for closure in closures:
        for entry in closure.objects:
            elf = linker.elf(entry.real_path)
            if not isinstance(elf, ElfFile) or elf.abi is None or elf.abi.system != "Linux":
                continue
            starter = closure.interpreter or closure.program
            if starter not in starters:
                starters[starter] = _refuses(tree, starter)
            known, node = found.get(entry.real_path), tree.find(entry.real_path).node
            enforced = starters[starter] or (known is not None and known.enforced)
            version = ".".join(map(str, elf.abi.version))
            found[entry.real_path] = KernelFloor(entry.real_path, version, enforced, node.layer if node else None)
    return found


def _refuses(tree: FileTree, starter: str) -> bool:
    """Whether a loader, or a static program with its own, refuses older kernels."""
    node = tree.find(starter).node
    return node is not None and node.content is not None and _ENFORCED in node.content.read()


def _covers(known: KernelFloor, other: KernelFloor) -> bool:
    """Whether no node that runs the one fails to run the other."""
    return known.enforced >= other.enforced and _numbers(known.version) >= _numbers(other.version)


def _raise_symbol_floors(symbols: dict[tuple[str, str], SymbolFloor], tool: str, path: str, elf: ElfFile) -> None:
    for needed in (version.name for need in elf.needs for version in need.versions):
        match = _VERSION.fullmatch(needed)
        if match is None:
            continue
        name, version = match.groups()
        known = symbols.get((tool, name))
        if known is None or _numbers(version) > _numbers(known.version):
            symbols[tool, name] = SymbolFloor(tool, name, version, path)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
