"""The syntax tree of a shell script: POSIX.1-2017 XCU 2.10 and the common extensions of bash.

It keeps what tells which commands run under which condition, and no more.
"""

import enum
from dataclasses import dataclass


class ShellSyntaxError(Exception):
    """A script that can't be read; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class PartKind(enum.Enum):
    """What a piece of a word is."""

    LITERAL = "literal"
    PARAMETER = "parameter"  # $x, ${x…}: `text` is the name, with the operator where there is one
    COMMAND = "command"  # $(…), `…`, <(…): `script` holds it
    ARITHMETIC = "arithmetic"
    ARRAY = "array"  # the value of name=(…)


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a word. A literal's `text` has its quotes and backslashes removed; `quoted` tells it had some."""

    kind: PartKind
    text: str = ""
    quoted: bool = False
    scripts: tuple["Script", ...] = ()  # of command substitutions in it


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written (`raw`), and its pieces."""

    raw: str
    parts: tuple[Part, ...]
    line: int

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
    def scripts(self) -> tuple["Script", ...]:
        """The command substitutions in it."""
        return tuple(script for part in self.parts for script in part.scripts)


def has_pattern(bare: str) -> bool:
    """An unquoted text that pathname expansion would look at (POSIX XCU 2.13.3)."""
    opening = bare.find("[")
    return "*" in bare or "?" in bare or (opening >= 0 and "]" in bare[opening + 2 :])


def _has_braces(bare: str) -> bool:
    opening = bare.find("{")
    return opening >= 0 and any(mark in bare[opening:] for mark in (",", "..")) and "}" in bare[opening:]


@dataclass(frozen=True, slots=True)
class Redirection:
    """`operator` without its file descriptor; a here-document's `target` is its delimiter.

    `scripts` are the substitutions in the target. Those in a here-document's body follow as a `Test` of their own.
    """

    operator: str
    target: Word
    scripts: tuple["Script", ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name=value` before a command."""

    name: str
    value: Word
    append: bool = False


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple command; `words` may be empty."""

    line: int
    text: str  # as written
    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word, ...] = ()
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`a | b`; more than one member run in subshells."""

    commands: tuple["Command", ...]


@dataclass(frozen=True, slots=True)
class AndOr:
    """`a && b || c`: the operator stands before each of `rest`."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One member of a list."""

    command: AndOr
    background: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A list of commands: a whole script, or the inside of a compound command."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`{ …; }`."""

    body: Script
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Subshell:
    """`( … )`."""

    body: Script
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class If:
    """`if`: pairs of condition and body, then what `else` has. `text` is the first condition as written."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script | None
    text: str
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Loop:
    """`while` and `until` (with a `condition`), `for` and `select` (with `words`)."""

    body: Script
    condition: Script | None = None
    words: tuple[Word, ...] = ()
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """`case`."""

    subject: Word
    bodies: tuple[Script, ...]
    words: tuple[Word, ...] = ()  # the patterns
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition."""

    name: str
    body: "Command"
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Test:
    """`[[ … ]]`, `(( … ))` and the bodies of here-documents: they start nothing but what is substituted in them."""

    scripts: tuple[Script, ...] = ()
    redirections: tuple[Redirection, ...] = ()


Command = Simple | Group | Subshell | If | Loop | Case | Function | Test
