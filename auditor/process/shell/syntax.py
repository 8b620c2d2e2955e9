"""What is kept of a shell script: the simple commands that it holds, each with the certainty of being reached."""

import enum

from msgspec import Struct


class ShellSyntaxError(Exception):
    """A script that its shell refuses; `line` counts from 1.

    Not `sure`: it can't be read here, and some shell of the dialect may take it.
    """

    def __init__(self, message: str, line: int, *, sure: bool = True) -> None:
        super().__init__(f"line {line}: {message}")
        self.message = message
        self.line = line
        self.sure = sure


class PartKind(enum.Enum):
    """What a piece of a word is."""

    LITERAL = "literal"
    PARAMETER = "parameter"  # $x, ${x…}: `text` is the name, with the operator where there is one
    COMMAND = "command"  # $(…), `…`, <(…): `steps` are the commands in it
    OTHER = "other"  # arithmetic, patterns, the value of an array: known at run time only


class Part(Struct, frozen=True):
    """One piece of a word. A literal's `text` has its quotes and backslashes removed; `quoted` tells it had some."""

    kind: PartKind
    text: str = ""
    quoted: bool = False
    steps: tuple["Step", ...] = ()


class Word(Struct, frozen=True):
    """One word as written (`raw`), and its pieces."""

    raw: str
    parts: tuple[Part, ...] = ()

    @property
    def literal(self) -> str | None:
        """The word's value, None where it has a parameter, a substitution, a pattern, a tilde or braces to expand."""
        if any(part.kind is not PartKind.LITERAL for part in self.parts):
            return None
        bare = "".join(part.text if not part.quoted else "x" * len(part.text) for part in self.parts)
        if bare.startswith("~") or has_pattern(bare) or _has_braces(bare):
            return None
        return "".join(part.text for part in self.parts)

    @property
    def expanded(self) -> tuple[Part, ...]:
        """The pieces without empty literals, such as the quotes around a parameter."""
        return tuple(part for part in self.parts if part.kind is not PartKind.LITERAL or part.text)


def has_pattern(bare: str) -> bool:
    """An unquoted text that pathname expansion would look at (POSIX XCU 2.13.3)."""
    opening = bare.find("[")
    return "*" in bare or "?" in bare or (opening >= 0 and "]" in bare[opening + 2 :])


def _has_braces(bare: str) -> bool:
    opening = bare.find("{")
    return opening >= 0 and any(mark in bare[opening:] for mark in (",", "..")) and "}" in bare[opening:]


class Redirection(Struct, frozen=True):
    """`operator` without its file descriptor; a here-document's `target` is its delimiter."""

    operator: str
    target: Word


class Assignment(Struct, frozen=True):
    """`name=value` before a command."""

    name: str
    value: Word
    append: bool = False


class Step(Struct, frozen=True):
    """One simple command, and where it stands. `words` may be empty, `text` is as written.

    `certain`: whoever runs the script to its end runs this. `own_process`: it isn't in a subshell, a pipeline, the
    background or a substitution, so that an `exec` or `exit` is the script's own. `condition` is the text of the
    nearest `if`; `after_failure` tells that it stands directly behind `||`.
    """

    line: int = 0
    text: str = ""
    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word, ...] = ()
    redirections: tuple[Redirection, ...] = ()
    certain: bool = True
    own_process: bool = True
    function: str = ""
    condition: str = ""
    after_failure: bool = False


class Script(Struct, frozen=True):
    """All simple commands in the order in which a shell comes to them, up to the line that it refuses (`error`).

    Those of substitutions, functions and branches are among them. `functions` are the names that are defined anywhere.
    `unread` is the text behind the last line that could be read.
    """

    steps: tuple[Step, ...] = ()
    functions: frozenset[str] = frozenset()
    error: ShellSyntaxError | None = None
    unread: str = ""
