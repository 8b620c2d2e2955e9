"""The ELF files behind the tools, one by one: identity, needs, and what they ask of kernel and libraries."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.file import ElfFile
from auditor.filetree import Content, FileTree
from auditor.inventory.model import ElfObject, Floors, KernelFloor, SymbolFloor, Tool
from auditor.inventory.owners import Owners

_CHUNK = 1 << 20
_VERSION = re.compile(r"([A-Z][A-Z0-9_]*?)_((?:\d+\.)*\d+)")
_ENFORCED = b"FATAL: kernel too old"


def elf_objects(tree: FileTree, linker: Linker, owners: Owners, closures: Iterable[Closure]) -> tuple[ElfObject, ...]:
    """Every object of these closures, by real path."""
    by_path: dict[str, Closure] = {}
    for closure in closures:
        for entry in closure.objects:
            by_path.setdefault(entry.real_path, closure)
    objects = (_object(tree, linker, owners, path, closure) for path, closure in sorted(by_path.items()))
    return tuple(entry for entry in objects if entry is not None)


def _object(tree: FileTree, linker: Linker, owners: Owners, path: str, closure: Closure) -> ElfObject | None:
    node, elf = tree.find(path).node, linker.elf(path)
    if node is None or node.content is None or not isinstance(elf, ElfFile):
        return None
    sha1, sha256 = _digests(node.content)
    wanted = {*elf.needed, *([elf.interpreter] if elf.interpreter else [])}
    names = {
        name: entry.real_path for entry in closure.objects for name in (entry.name, entry.path, entry.soname or "")
    }
    needs = {names[name] for name in wanted if name in names}
    return ElfObject(
        path=path,
        soname=elf.soname,
        sha256=sha256,
        build_id=elf.build_id,
        layer=node.layer,
        package=owners.label(path),
        needs=tuple(sorted(needs)),
        sha1=sha1,
    )


def _digests(content: Content) -> tuple[str, str]:
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    for offset in range(0, content.size, _CHUNK):
        data = content.read(offset, _CHUNK)
        sha1.update(data)
        sha256.update(data)
    return sha1.hexdigest(), sha256.hexdigest()


def find_floors(tree: FileTree, linker: Linker, tools: Iterable[Tool], closures: Mapping[str, Closure]) -> Floors:
    """The kernel that each file of the tools states, and the newest version of each symbol name space."""
    kernel: dict[str, KernelFloor] = {}
    symbols: dict[tuple[str, str], SymbolFloor] = {}
    for tool in tools:
        for binary in tool.programs:
            closure = closures.get(binary.resolved_path)
            if closure is None:
                continue
            enforced = _enforced(tree, closure)
            for entry in closure.objects:
                elf = linker.elf(entry.real_path)
                if not isinstance(elf, ElfFile):
                    continue
                if elf.abi is not None and elf.abi.system == "Linux":
                    node = tree.find(entry.real_path).node
                    version = ".".join(map(str, elf.abi.version))
                    layer = node.layer if node else None
                    known = kernel.get(entry.real_path)
                    both = enforced or (known is not None and known.enforced)
                    kernel[entry.real_path] = KernelFloor(entry.real_path, version, both, layer)
                _raise_symbol_floors(symbols, tool.name, entry.real_path, elf)
    return Floors(
        tuple(kernel[path] for path in sorted(kernel)),
        tuple(symbols[key] for key in sorted(symbols)),
    )


def _enforced(tree: FileTree, closure: Closure) -> bool:
    """Whether what starts this program refuses older kernels: its loader, or the program itself where it is static."""
    found = tree.find(closure.interpreter or closure.program).node
    return found is not None and found.content is not None and _ENFORCED in found.content.read()


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
