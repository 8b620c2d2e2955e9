"""The simple commands of a script in the order in which a shell would come to them, each with its certainty."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auditor.process.shell.syntax import (
    AndOr,
    Case,
    Command,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Subshell,
    Test,
    Word,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One simple command, and where it stands.

    `certain`: whoever runs the script to its end runs this. `own_process`: it isn't in a subshell, a pipeline, the
    background or a substitution, so that an `exec` or `exit` is the script's own. `condition` is the text of the
    nearest `if`; `after_failure` tells that it stands directly behind `||`.
    """

    command: Simple
    certain: bool = True
    own_process: bool = True
    function: str = ""
    condition: str = ""
    after_failure: bool = False


_EMPTY = Simple(0, "")


def steps(script: Script) -> Iterator[Step]:
    """All simple commands of a script, those of substitutions, functions and branches included."""
    return _script(script, Step(_EMPTY))


def function_names(script: Script) -> frozenset[str]:
    """Every name that is defined as a function anywhere in the script."""
    return frozenset(_functions(script))


def _script(script: Script, place: Step) -> Iterator[Step]:
    for item in script.items:
        yield from _and_or(item.command, replace(place, own_process=False) if item.background else place)


def _and_or(command: AndOr, place: Step) -> Iterator[Step]:
    yield from _pipeline(command.first, place)
    for operator, pipeline in command.rest:
        yield from _pipeline(pipeline, replace(place, certain=False, after_failure=operator == "||"))


def _pipeline(pipeline: Pipeline, place: Step) -> Iterator[Step]:
    if len(pipeline.commands) > 1:
        place = replace(place, own_process=False)
    for command in pipeline.commands:
        yield from _command(command, place)


def _command(command: Command, place: Step) -> Iterator[Step]:
    substituted = replace(place, own_process=False, after_failure=False)
    inner = replace(place, after_failure=False)
    branch = replace(inner, certain=False)
    match command:
        case Simple():
            yield from _substitutions(tuple(assignment.value for assignment in command.assignments), substituted)
            yield from _substitutions(command.words, substituted)
            yield from _redirections(command.redirections, substituted)
            yield replace(place, command=command)
            return
        case Group():
            yield from _script(command.body, inner)
        case Subshell():
            yield from _script(command.body, substituted)
        case If():
            yield from _if(command, inner)
        case Loop():
            yield from _substitutions(command.words, substituted)
            if command.condition is not None:
                yield from _script(command.condition, inner)
            yield from _script(command.body, branch)
        case Case():
            yield from _substitutions((command.subject,), substituted)
            yield from _substitutions(command.words, replace(substituted, certain=False))
            for body in command.bodies:
                yield from _script(body, branch)
        case Function():
            yield from _command(command.body, replace(branch, function=command.name))
        case Test():
            for script in command.scripts:
                yield from _script(script, substituted)
    yield from _redirections(command.redirections, substituted)


def _if(command: If, place: Step) -> Iterator[Step]:
    branch = replace(place, certain=False, condition=command.text)
    for index, (condition, body) in enumerate(command.branches):
        yield from _script(condition, branch if index else place)
        yield from _script(body, branch)
    if command.otherwise is not None:
        yield from _script(command.otherwise, branch)


def _substitutions(words: tuple[Word, ...], place: Step) -> Iterator[Step]:
    for word in words:
        for script in word.scripts:
            yield from _script(script, place)


def _redirections(redirections: tuple[Redirection, ...], place: Step) -> Iterator[Step]:
    yield from _substitutions(tuple(redirection.target for redirection in redirections), place)


def _functions(script: Script) -> Iterator[str]:
    for item in script.items:
        for pipeline in (item.command.first, *(member for _, member in item.command.rest)):
            for command in pipeline.commands:
                yield from _functions_in(command)


def _functions_in(command: Command) -> Iterator[str]:
    inner: tuple[Script | None, ...] = ()
    match command:
        case Function():
            yield command.name
            yield from _functions_in(command.body)
        case Group() | Subshell():
            inner = (command.body,)
        case If():
            inner = (*(script for branch in command.branches for script in branch), command.otherwise)
        case Loop():
            inner = (command.condition, command.body)
        case Case():
            inner = command.bodies
    for script in inner:
        if script is not None:
            yield from _functions(script)
