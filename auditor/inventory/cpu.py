"""The processor that the image's programs need: of each, its loader, every object of its closure, and Go's builds."""

from collections.abc import Iterable, Mapping

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.cpu_level import CHECKS_MARKS, CpuNeed, built_in_need, go_need, marked_need
from auditor.filetree import FileTree, read_file
from auditor.inventory.golang import build_of
from auditor.inventory.model import CpuFloor, GoProgram

_LOADER_LIMIT = 1 << 23  # bytes; no dynamic loader is so big
_PROGRAM_LIMIT = 1 << 26  # bytes of a static program that may have glibc inside


def cpu_floors(
    tree: FileTree, linker: Linker, closures: Mapping[str, Closure], go: Iterable[GoProgram]
) -> tuple[CpuFloor, ...]:
    """What each file asks for, by path: of several the highest that is enforced, else the highest."""
    of_go = {program.path: program for program in go}
    checkers = {closure.interpreter or closure.program: closure for closure in closures.values() if closure.objects}
    starters = {path: _starter(tree, path, closure) for path, closure in checkers.items() if path not in of_go}
    needs: dict[str, set[CpuNeed]] = {}
    for closure in closures.values():
        starter = starters.get(closure.interpreter or closure.program, b"")
        checked = CHECKS_MARKS in starter
        for entry in closure.objects:
            elf = linker.elf(entry.real_path)
            if elf is not None and (need := marked_need(elf, checked=checked)):
                needs.setdefault(entry.real_path, set()).add(need)
    for path, data in starters.items():
        elf = linker.elf(path)
        if elf is not None and (need := built_in_need(data, elf)):
            needs.setdefault(tree.find(path).path, set()).add(need)
    for program in of_go.values():
        if need := go_need(build_of(program)):
            needs.setdefault(program.path, set()).add(need)
    return tuple(_floor(tree, path, need) for path in sorted(needs) for need in [max(needs[path], key=_strength)])


def _starter(tree: FileTree, path: str, closure: Closure) -> bytes:
    """The bytes of what starts a program: its loader, or the program itself where it is static."""
    limit = _LOADER_LIMIT if closure.interpreter else _PROGRAM_LIMIT
    return read_file(tree, path, limit) or b""


def _strength(need: CpuNeed) -> tuple[bool, int, str]:
    digits = "".join(filter(str.isdigit, need.level))
    return need.enforced, int(digits or 0), need.evidence


def _floor(tree: FileTree, path: str, need: CpuNeed) -> CpuFloor:
    node = tree.find(path).node
    return CpuFloor(need.level, path, need.evidence, need.enforced, node.layer if node else None)
