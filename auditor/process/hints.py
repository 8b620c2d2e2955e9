"""Words whose value only the run time has, and what may be told of them all the same.

A hint is good for looking at a program, never for saying that one is missing.
"""

import re
from collections.abc import Mapping

from auditor.process.shell.steps import steps
from auditor.process.shell.syntax import PartKind, Script, Word

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_SELF = frozenset(("@", "*"))


def is_all_arguments(word: Word) -> bool:
    """The word is `"$@"`, `$@` or `$*` and nothing else."""
    parts = [part for part in word.parts if part.kind is not PartKind.LITERAL or part.text]
    return len(parts) == 1 and parts[0].kind is PartKind.PARAMETER and parts[0].text in _SELF


def is_assignment(word: Word) -> bool:
    """The word begins with a literal `NAME=`."""
    return _ASSIGNMENT.match(word.raw) is not None


def literal_folder(word: Word) -> str | None:
    """The literal directories that a word begins with before anything is expanded, without their last slash."""
    text = ""
    for part in word.parts:
        if part.kind is not PartKind.LITERAL:
            break
        if not part.quoted and (mark := re.search(r"[*?\[{~]", part.text)):
            text += part.text[: mark.start()]
            break
        text += part.text
    folder = text.rpartition("/")[0]
    return folder or None


def possible_names(word: Word, variables: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What a word may be when it isn't literal: `$(which NAME)`, or a variable that was given such a value."""
    parts = [part for part in word.parts if part.kind is not PartKind.LITERAL or part.text]
    if len(parts) != 1:
        return ()
    part = parts[0]
    if part.kind is PartKind.PARAMETER:
        return variables.get(part.text, ())
    if part.kind is PartKind.COMMAND:
        return tuple(name for script in part.scripts for name in _looked_up(script))
    return ()


def assigned(value: Word, variables: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What a variable may name as a program after an assignment."""
    literal = value.literal
    if literal is not None:
        return (literal,) if literal and not any(character.isspace() for character in literal) else ()
    return possible_names(value, variables)


def _looked_up(script: Script) -> tuple[str, ...]:
    names: list[str] = []
    for step in steps(script):
        words = [word.literal for word in step.command.words]
        if not words or words[0] is None:
            continue
        command = words[0].rpartition("/")[2]
        if command not in ("which", "command", "type"):
            continue
        names.extend(word for word in words[1:] if word and not word.startswith("-"))
    return tuple(names)
