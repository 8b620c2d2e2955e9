"""The Go programs among those that may start, by the build information that each carries."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.go_build import GoBuild, read_go_build
from auditor.filetree import FileTree, facts_of
from auditor.inventory.model import GoProgram, KernelFloor

_FACT = "go"
# The oldest kernel of each release and later ones (Go's release notes, "Ports").
_KERNELS = (((1, 24), "3.2.0"), ((1, 18), "2.6.32"), ((1, 5), "2.6.23"))


def go_programs(tree: FileTree, linker: Linker, closures: Mapping[str, Closure]) -> tuple[GoProgram, ...]:
    """Every Go program, by real path."""
    found = ((path, _build(tree, linker, path)) for path in sorted(closures))
    return tuple(
        GoProgram(path, build.release, build.package, build.module, dict(sorted(build.settings.items())), build.modules)
        for path, build in found
        if build is not None
    )


def _build(tree: FileTree, linker: Linker, path: str) -> GoBuild | None:
    node, elf = tree.find(path).node, linker.elf(path)
    if node is None or node.content is None or elf is None:
        return None
    facts = facts_of(node.content)
    match facts.known.get(_FACT):
        case known_elf, known if known_elf is elf:
            return cast("GoBuild | None", known)
    drawn: list[int] = []
    count = linker.counted(path)

    def counted(number: int) -> None:
        drawn.append(number)
        count(number)

    found = read_go_build(node.content, elf, counted)
    if not drawn:  # what draws from the limits is read for each image
        facts.known[_FACT] = elf, found
    return found


def build_of(program: GoProgram) -> GoBuild:
    """What was read from the program."""
    return GoBuild(program.version, program.package, program.module, program.modules, program.settings)


def go_kernel_floors(tree: FileTree, programs: Iterable[GoProgram]) -> Iterator[KernelFloor]:
    """The oldest kernel that each program's Go release is made for; nothing checks it at the start."""
    for program in programs:
        number = build_of(program).number
        kernel = next((kernel for since, kernel in _KERNELS if number and number >= since), None)
        if kernel is not None:
            node = tree.find(program.path).node
            yield KernelFloor(program.path, kernel, enforced=False, layer=node.layer if node else None)
