"""Programs that start another one: where, among their arguments, that one stands.

What isn't understood for certain is not unwrapped. Sources: env(1), nice(1), nohup(1), setsid(1), timeout(1),
stdbuf(1), ionice(1), sudo(8), xargs(1), chpst(8), and the help texts of tini, dumb-init, catatonit, gosu, su-exec.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

Argument = str | None
"""One word of a command line; None where only the run time knows it."""


class _Syntax(Struct, frozen=True):
    """Options of a wrapper: single letters, and long names without their dashes."""

    flags: str = ""
    valued: str = ""
    long_flags: frozenset[str] = frozenset()
    long_valued: frozenset[str] = frozenset()
    positional: int = 0  # words before the program
    assignments: bool = False  # NAME=value before the program
    number: bool = False  # -5 is an option


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SYNTAX = {
    "env": _Syntax("i0v", "uC", _names("ignore-environment null debug"), _names("unset chdir"), assignments=True),
    "nohup": _Syntax(),
    "setsid": _Syntax("cfw", "", _names("ctty fork wait")),
    "nice": _Syntax("", "n", frozenset(), _names("adjustment"), number=True),
    "ionice": _Syntax("t", "cn", _names("ignore"), _names("class classdata")),
    "stdbuf": _Syntax("", "ioe", frozenset(), _names("input output error")),
    "timeout": _Syntax("v", "ks", _names("foreground preserve-status verbose"), _names("kill-after signal"), 1),
    "sudo": _Syntax(
        "EHnSbkPA", "ugCpTRD", _names("preserve-env set-home non-interactive stdin"), _names("user group prompt"),
        assignments=True,
    ),
    "xargs": _Syntax("0rtx", "nPILsda", _names("null no-run-if-empty verbose"), _names("max-args max-procs replace")),
    "tini": _Syntax("swgv", "pe"),
    "dumb-init": _Syntax("cv", "r", _names("single-child verbose"), _names("rewrite")),
    "catatonit": _Syntax("gP"),
    "gosu": _Syntax(positional=1),
    "su-exec": _Syntax(positional=1),
    "s6-setuidgid": _Syntax(positional=1),
    "setuidgid": _Syntax(positional=1),
    "envdir": _Syntax(positional=1),
    "s6-envdir": _Syntax(positional=1),
    "chpst": _Syntax("vP012", "uUbe/CnlLmdofpctr"),
}  # fmt: skip
_SYNTAX |= {"tini-static": _SYNTAX["tini"], "docker-init": _SYNTAX["tini"], "tini-amd64": _SYNTAX["tini"]}

TRANSPARENT = _names("env nohup nice tini tini-static tini-amd64 docker-init dumb-init catatonit gosu su-exec")
"""Those that look their program up on the same PATH and fail with it: it takes their place."""

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_NUMBER = re.compile(r"-\d+")


def is_wrapper(name: str) -> bool:
    """A program of this name may start another."""
    return name in _SYNTAX


def wrapped(name: str, arguments: Sequence[Argument], assignments: Sequence[bool] = ()) -> int | None:
    """The index, in `arguments`, of the program that the wrapper `name` starts; None where it can't be told.

    `assignments` says of each argument whether it begins with a literal `NAME=`, which is all that matters of one
    whose value is unknown.
    """
    syntax = _SYNTAX.get(name)
    if syntax is None:
        return None
    index = _skip_options(syntax, arguments, assignments)
    if index is None:
        return None
    while syntax.assignments and index < len(arguments) and _is_assignment(arguments, assignments, index):
        index += 1
    index += syntax.positional
    return index if index < len(arguments) and arguments[index] else None


def _is_assignment(arguments: Sequence[Argument], assignments: Sequence[bool], index: int) -> bool:
    argument = arguments[index]
    if argument is not None:
        return _ASSIGNMENT.match(argument) is not None
    return index < len(assignments) and assignments[index]


def _skip_options(syntax: _Syntax, arguments: Sequence[Argument], assignments: Sequence[bool]) -> int | None:
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if argument is None:
            return (
                index
                if syntax.assignments and _is_assignment(arguments, assignments, index)
                else _positional(syntax, index)
            )
        if argument == "--":
            return index + 1
        if not argument.startswith("-"):
            return index
        width = _option_width(syntax, argument)
        if width is None:
            return None
        index += width
    return None


def _positional(syntax: _Syntax, index: int) -> int | None:
    """An unknown word may stand for a user or a duration; elsewhere it could be anything."""
    return index if syntax.positional else None


def _option_width(syntax: _Syntax, option: str) -> int | None:
    """How many words an option takes with its value; None for an unknown one."""
    if option == "-" and syntax.assignments:
        return 1  # env -: an empty environment
    if syntax.number and _NUMBER.fullmatch(option):
        return 1
    if option.startswith("--"):
        name, equals, _ = option[2:].partition("=")
        if name in syntax.long_valued:
            return 1 if equals else 2
        return 1 if name in syntax.long_flags else None
    letters = option[1:]
    for position, letter in enumerate(letters):
        if letter in syntax.valued:
            return 1 if letters[position + 1 :] else 2
        if letter not in syntax.flags:
            return None
    return 1 if letters else None
