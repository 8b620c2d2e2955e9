"""Scripts that stand for a tool's program: what each hands over to, and which programs it may pick."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from auditor.budget import Allowance
from auditor.filetree import FileTree, read_file
from auditor.process.handover import HandOver, Target, follow_script
from auditor.process.model import ProgramKind
from auditor.process.path import SearchPath
from auditor.process.program import kind_of, program_at

_MAX_SCRIPT = 1 << 20


class StandIn(Struct, frozen=True):
    """A script under a tool's name, or what is no program. Of `program`, `problem` and `reason` one is set.

    `program` is the real path of the ELF file at its end; `problem` why it can't start, `target` what it looks for
    then; `reason` why its end can't be told. `candidates` are the programs that it may pick. `again`: it starts itself
    anew, as wrappers do that change first what their own name leads to. `folder` is the directory of whatever is
    started in the end, "" where that isn't known.
    """

    via: tuple[str, ...]
    program: str = ""
    problem: str = ""
    target: str = ""
    reason: str = ""
    candidates: tuple[str, ...] = ()
    again: bool = False
    folder: str = ""
    starts: tuple[Target, ...] = ()  # what is started for it, with where that stands


def read_stand_ins(
    tree: FileTree, reached: Mapping[str, tuple[str, str]], names: Iterable[str], search: SearchPath, steps: Allowance
) -> dict[str, StandIn]:
    """Those of the names that lead to a script, or to what no kernel starts, by the path that PATH takes."""
    found = {}
    for path, real_path in (reached[name] for name in names if name in reached):
        node = tree.find(real_path).node
        if node is None:
            continue
        if kind_of(node)[0] is ProgramKind.SCRIPT:
            found[path] = _stand_in(tree, path, search, steps)
        elif fault := program_at(tree, path, search).fault:
            found[path] = StandIn((), problem=fault.message)
    return found


def _stand_in(tree: FileTree, path: str, search: SearchPath, steps: Allowance) -> StandIn:
    hand_over = follow_script(tree, path, search, steps)
    if hand_over.problem is not None:
        return StandIn(hand_over.via, problem=hand_over.problem.message, target=hand_over.problem.path)
    name = path.rpartition("/")[2]
    if hand_over.program is not None and not _starts_elsewhere(hand_over.program, name):
        return StandIn(hand_over.via, program=hand_over.program.real_path, starts=(hand_over.program,))
    if hand_over.program is not None:
        reason = f"{path} hands over to {hand_over.program.path}, which starts {name} in surroundings of its own"
        return StandIn(hand_over.via, reason=reason)
    candidates = tuple(dict.fromkeys(_candidates(tree, hand_over, search, steps)))
    if not candidates and _is_empty(tree, path):
        return StandIn(hand_over.via, problem=f"{path} is a script without a command")
    return StandIn(
        hand_over.via,
        reason=hand_over.reason,
        candidates=tuple(dict.fromkeys(target.real_path for target in candidates)),
        again=hand_over.again,
        folder=hand_over.folder,
        starts=candidates,
    )


def _starts_elsewhere(end: Target, name: str) -> bool:
    """Whether the program at the end is asked to start one of the script's own name, as chroot(1) is."""
    return name in [word.rpartition("/")[2] for word in end.arguments[1:] if word is not None]


def _candidates(tree: FileTree, hand_over: HandOver, search: SearchPath, steps: Allowance) -> Iterator[Target]:
    """What a script may pick and the image has, each followed to its own end."""
    for target in hand_over.candidates:
        if not target.path:
            continue
        end = follow_script(tree, target.path, search, steps).program
        if end is not None:
            yield end


def _is_empty(tree: FileTree, path: str) -> bool:
    """Whether a script has nothing but comments: it succeeds, and does nothing."""
    lines = (read_file(tree, path, _MAX_SCRIPT) or b"x").splitlines()
    return all(not line.strip() or line.lstrip().startswith(b"#") for line in lines)
