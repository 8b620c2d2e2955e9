"""Words whose value only the run time has, and what may be told of them all the same.

A hint is good for looking at a program, never for saying that one is missing.
"""

import re
from collections.abc import Mapping

from auditor.process.shell.syntax import Part, PartKind, Word

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_SELF = frozenset(("@", "*"))


def is_all_arguments(word: Word) -> bool:
    """The word is `"$@"`, `$@` or `$*` and nothing else."""
    return len(word.expanded) == 1 and word.expanded[0].kind is PartKind.PARAMETER and word.expanded[0].text in _SELF


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
    if len(word.expanded) != 1:
        return ()
    part = word.expanded[0]
    if part.kind is PartKind.PARAMETER:
        return variables.get(part.text, ())
    if part.kind is PartKind.COMMAND:
        return _looked_up(part)
    return ()


def assigned(value: Word, variables: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What a variable may name as a program after an assignment."""
    literal = value.literal
    if literal is not None:
        return (literal,) if literal and not any(character.isspace() for character in literal) else ()
    return possible_names(value, variables)


def _looked_up(substitution: Part) -> tuple[str, ...]:
    names: list[str] = []
    for step in substitution.steps:
        words = [word.literal for word in step.words]
        if words and words[0] and words[0].rpartition("/")[2] in ("which", "command", "type"):
            names.extend(word for word in words[1:] if word and not word.startswith("-"))
    return tuple(names)
