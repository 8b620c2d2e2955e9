"""Every program that may be started, its closure, and the load problems of them all."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, LoadFault, LoadProblem
from auditor.elf.read.file import ElfFile
from auditor.filetree import FileTree
from auditor.inventory.model import Executable, Notice, Place, Problem
from auditor.inventory.owners import Owners
from auditor.process.handover import Target
from auditor.process.model import Executable as PathExecutable
from auditor.process.model import Launch, ProgramKind
from auditor.process.program import kind_of


class Programs(Struct, frozen=True):
    """The programs of one image: what was looked at, and by real path the closure of each ELF among them."""

    executables: tuple[Executable, ...]
    closures: Mapping[str, Closure]


def look_at_programs(
    tree: FileTree,
    on_path: Iterable[PathExecutable],
    launch: Launch,
    picked: Iterable[Target],
    linker: Linker,
    owners: Owners,
) -> Programs:
    """Everything on PATH, then what the entrypoint and its scripts start beside it, and what scripts of tools pick."""
    executables: dict[str, Executable] = {}
    closures: dict[str, Closure] = {}

    def look(path: str, real_path: str, kind: ProgramKind, started_by: str) -> None:
        if real_path in executables:
            return
        node = tree.find(real_path).node
        shown = kind.value
        if kind is ProgramKind.ELF:
            closures[real_path] = linker.closure(real_path)
            elf = linker.elf(real_path)
            shown = "dynamic" if isinstance(elf, ElfFile) and elf.interpreter else "static"
        elif kind is not ProgramKind.SCRIPT:
            shown = "other"
        layer = node.layer if node else None
        executables[real_path] = Executable(path, real_path, shown, layer, owners.label(real_path), started_by)

    for entry in on_path:
        look(entry.names[0], entry.real_path, kind_of(entry.node)[0], "PATH")
    for start in launch.starts:
        by = f"{start.origin.path}:{start.origin.line}" if start.origin.path else "entrypoint"
        look(start.path, start.real_path, start.kind, by)
    for target in picked:
        look(target.path, target.real_path, ProgramKind.ELF, f"{target.origin.path}:{target.origin.line}")
    return Programs(tuple(sorted(executables.values(), key=lambda entry: entry.path)), closures)


def merge_problems(tree: FileTree, closures: Iterable[Closure]) -> tuple[Problem, ...]:
    """One problem for all the programs that it stops. A problem of a glibc-hwcaps level that is the plain one's too
    is told once."""
    merged: dict[LoadProblem, dict[str, Closure]] = {}
    for closure in closures:
        plain = set(closure.problems)
        for variant in (closure, *closure.variants):
            for problem in variant.problems:
                if variant is closure or replace(problem, variant="") not in plain:
                    merged.setdefault(problem, {})[closure.program] = variant
    latest = _Latest(tree)
    problems = [_problem(tree, problem, stopped, latest) for problem, stopped in merged.items()]
    return tuple(
        sorted(problems, key=lambda entry: (entry.fault, entry.path, entry.name, entry.variant, entry.message))
    )


class _Latest:
    """Of all objects of a closure the one that the highest layer wrote, looked for once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._known: dict[int, tuple[Closure, Place | None]] = {}  # with the closure, so that its number stays its own

    def of(self, closure: Closure) -> Place | None:
        """The last by its path of those; None where no layer wrote any."""
        known = self._known.get(id(closure))
        if known is None:
            places = (_place(self._tree, entry.real_path) for entry in closure.objects)
            written = [place for place in places if place.layer is not None]
            known = closure, max(written, key=lambda place: (place.layer or 0, place.path), default=None)
            self._known[id(closure)] = known
        return known[1]


def _problem(tree: FileTree, problem: LoadProblem, stopped: Mapping[str, Closure], latest: _Latest) -> Problem:
    node = tree.lstat(problem.path)
    layer = node.layer if node else None
    return Problem(
        fault=problem.fault,
        path=problem.path,
        name=problem.name,
        message=problem.message,
        programs=tuple(sorted(stopped)),
        layer=layer,
        at_start=problem.at_start,
        provider=problem.provider,
        passed_over=problem.passed_over,
        symbols=problem.symbols,
        variant=problem.variant,
        suspect=_suspect(tree, problem, layer, next(iter(stopped.values())), latest),
    )


def _suspect(
    tree: FileTree, problem: LoadProblem, layer: int | None, closure: Closure, latest: _Latest
) -> Place | None:
    if problem.passed_over:
        return _passed_over(tree, problem.passed_over[0][0])
    if problem.fault not in (LoadFault.SYMBOL_MISSING, LoadFault.SYMBOL_VERSION_MISSING):
        return None
    place = _place(tree, problem.provider) if problem.provider else latest.of(closure)
    is_later = place is not None and place.layer is not None and layer is not None and place.layer > layer
    return place if is_later else None


def _place(tree: FileTree, path: str) -> Place:
    node = tree.find(path).node
    return Place(path, node.layer if node else None)


def _passed_over(tree: FileTree, path: str) -> Place:
    """A candidate that the loader skips: its file, or for a dangling link what is gone, else the link itself."""
    found = tree.find(path)
    if found.node is not None:
        return Place(found.path, found.node.layer)
    removals = [entry for entry in tree.removals(found.path.rpartition("/")[2]) if entry.path == found.path]
    if removals:
        return Place(found.path, removals[-1].layer)
    link = tree.lstat(found.links[-1]) if found.links else None
    return Place(found.links[-1] if found.links else path, link.layer if link else None)


def merge_notices(closures: Iterable[Closure]) -> tuple[Notice, ...]:
    """One notice for all the programs that it is about."""
    merged: dict[Notice, set[str]] = {}
    for closure in closures:
        for variant in (closure, *closure.variants):
            for entry in variant.notices:
                notice = Notice(entry.kind, entry.path, entry.name, entry.message, entry.variant)
                merged.setdefault(notice, set()).add(closure.program)
    notices = (replace(notice, programs=tuple(sorted(programs))) for notice, programs in merged.items())
    return tuple(sorted(notices, key=lambda entry: (entry.kind, entry.path, entry.name, entry.variant, entry.message)))
