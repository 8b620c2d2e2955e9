"""What a script that stands for a program hands over to: a tool that is a wrapper, read as an entrypoint is read."""

import re

from msgspec import Struct

from auditor.budget import Allowance
from auditor.filetree import FileTree
from auditor.process.findings import Exec
from auditor.process.follow import Follower, is_shell_script
from auditor.process.model import LaunchProblem, Lookup, Origin, ProgramKind, Role
from auditor.process.path import SearchPath, lookup
from auditor.process.program import Program, program_at
from auditor.process.state import Call, Context
from auditor.process.wrappers import Argument

_LITERAL_FOLDER = re.compile(r"""['"]?((?:/[\w.+-]+)+)/(?:[\w.+-]|\$\w+|\$\{[^{}]*\})*['"]?\Z""")


class Target(Struct, frozen=True):
    """A program as a script's `exec` names it.

    `called` is the name that it sees as its own (argv[0]: what a multi-call binary goes by), None where only the run
    time knows it. `arguments` are the words after it, None where only the run time knows one; one None may stand for
    any number of words (`"$@"`). `path` is where PATH finds the program, `real_path` the file behind all links, both
    "" where it isn't found.
    """

    word: str
    called: str | None
    arguments: tuple[Argument, ...]
    path: str
    real_path: str
    origin: Origin


class HandOver(Struct, frozen=True):
    """Where a script leads. Of `program`, `problem` and `reason` one is set.

    `via` are the scripts on the way, as real paths, the first one included. `program` is the ELF file at the end.
    `problem` says that the script can't start, or that what it hands over to for certain can't (with path and line).
    `reason` says why the end can't be told; `candidates` are then the literal programs that the last script may hand
    over to, found or not, in the order in which they stand there. `again`: it may start itself once more (`exec
    "$0"`), as scripts do that change first what their own name leads to. `folder` is the literal directory, as a real
    path, of the one program whose name is not known (`/opt/xt` of `exec /opt/xt/$name`); "" where there is no such.
    """

    via: tuple[str, ...]
    program: Target | None = None
    problem: LaunchProblem | None = None
    reason: str = ""
    candidates: tuple[Target, ...] = ()
    again: bool = False
    folder: str = ""


def follow_script(tree: FileTree, path: str, search: SearchPath, steps: Allowance | None = None) -> HandOver:
    """What the script at `path` unconditionally hands over to, through further scripts if need be.

    `search` is PATH and the working directory of whoever starts it; its arguments are not known. Only an
    unconditional `exec` of a literal program counts, as for an entrypoint. What can't be told has a reason; raises
    nothing but LimitExceeded where `steps` don't suffice. A `path` that is an ELF program is its own end, with no
    script on the way.
    """
    program = program_at(tree, path, search)
    origin = Origin(program.real_path, 0, path)
    if program.kind is ProgramKind.ELF:
        return HandOver((), Target(path, path, (), program.path, program.real_path, origin))
    follower = Follower(tree, steps)
    unknown = (None,)  # its arguments, however many
    follower.execute(Call(path, unknown, Context(search), origin, Role.ENTRYPOINT, demanded=True))
    findings = follower.findings
    problem = next(iter(findings.problems), None)
    certain = [command for command in findings.execs if command.certain]
    via = tuple(dict.fromkeys((program.real_path, *(command.origin.path for command in certain))))
    if problem is not None:
        return HandOver(via, problem=problem)
    targets = [_target(tree, command) for command in certain]
    end = program_at(tree, targets[-1].path, search) if targets and targets[-1].path else program
    if targets and end.kind is ProgramKind.ELF:
        return HandOver(via, targets[-1])
    if end.kind in (ProgramKind.SCRIPT, ProgramKind.TEXT):
        via = tuple(dict.fromkeys((*via, end.real_path)))
    possible = [command for command in findings.execs if not command.certain]
    candidates = tuple(dict.fromkeys(_target(tree, command) for command in possible if command.word is not None))
    again = any(command.written in ('"$0"', "$0", '"${0}"', "${0}") for command in possible)
    reason = _reason(findings.notes(), end, possible)
    folder = _folder(possible)
    if folder and tree.find(folder).node is None:
        reason += f", and {folder} is not in the image"
    real_folder = tree.find(folder).path if folder else ""
    return HandOver(via, reason=reason, candidates=candidates, again=again, folder=real_folder)


def _folder(possible: list[Exec]) -> str:
    """The directory, as far as it is literal, of the only program that may be started."""
    if len(possible) != 1 or possible[0].word is not None:
        return ""
    found = _LITERAL_FOLDER.match(possible[0].written)
    return found[1] if found else ""


def _target(tree: FileTree, command: Exec) -> Target:
    assert command.word is not None
    found = lookup(tree, command.word, command.search) if command.word else Lookup("", None)
    return Target(command.word, command.called, command.arguments, found.path or "", found.real_path, command.origin)


def _reason(notes: tuple[str, ...], end: Program, possible: list[Exec]) -> str:
    if not is_shell_script(end):
        return notes[0] if notes else f"{end.path} is no script that can be followed"
    if len(possible) > 1 or (possible and possible[0].word is not None):
        return f"{end.path} hands over on conditions only"
    if possible:
        return f"{end.path} hands over to {possible[0].written}, which only the run time knows"
    return notes[0] if notes else f"{end.path} hands over to no program"
