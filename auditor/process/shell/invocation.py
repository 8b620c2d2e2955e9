"""How a shell is called: what it is told to run (sh(1p), OPTIONS and OPERANDS; bash(1), OPTIONS; dash(1))."""

from collections.abc import Sequence

from msgspec import Struct

_VALUED = frozenset(("--rcfile", "--init-file"))


class Invocation(Struct, frozen=True):
    """A shell with a script: a text (`-c`), or the name of a file. `arguments` are the positional parameters."""

    operand: str
    is_text: bool
    arguments: tuple[str | None, ...] = ()
    login: bool = False


def read_invocation(arguments: Sequence[str | None]) -> Invocation | None:
    """What a shell with these arguments runs; None where that is its standard input, or can't be told."""
    index = 0
    is_text = login = False
    while index < len(arguments):
        argument = arguments[index]
        if argument is None:
            return None
        if argument in ("-", "--"):
            index += 1
            break
        if not argument.startswith(("-", "+")):
            break
        if argument.startswith("--"):
            login = login or argument == "--login"
            index += 2 if argument in _VALUED else 1
            continue
        is_text = is_text or ("c" in argument and argument.startswith("-"))
        login = login or ("l" in argument and argument.startswith("-"))
        if "s" in argument and not is_text:
            return None
        index += 2 if argument.endswith(("o", "O")) else 1
    operand = arguments[index] if index < len(arguments) else None
    if operand is None:
        return None
    rest = tuple(arguments[index + 1 :])
    return Invocation(operand, is_text, rest[1:] if is_text else rest, login)
