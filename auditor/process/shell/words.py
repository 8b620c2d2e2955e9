"""Words: quoting, expansions and substitutions (POSIX XCU 2.2, 2.6; bash(1) QUOTING, EXPANSION; dash(1))."""

import abc
import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from auditor.process.shell.syntax import Part, PartKind, ShellSyntaxError, Step, Word

MAX_DEPTH = 40
"""Substitutions and compound commands within each other; no honest script comes near."""

METACHARACTERS = frozenset(" \t\n;&|()<>")
_PLAIN = re.compile(r"[^\s;&|()<>\\'\"$`?*+@!]+")
_QUOTED = re.compile(r'[^\\$`"]+')
_NAME = re.compile(r"[A-Za-z_]\w*|\d|[-@*#?$!]", re.ASCII)
_BRACED_NAME = re.compile(r"[!#]?(?:[A-Za-z_]\w*|\d+|[-@*#?$!])|[#!]", re.ASCII)
_OPERATOR = {True: re.compile(r"[-=+?#%/^,@:}\[*]"), False: re.compile(r":?[-=+?]|[#%}]")}
_PLAIN_IN_BRACES = re.compile(r"[^'\"`$\\{\n]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_DOUBLE_QUOTED_ESCAPES = frozenset('$`"\\')


class Shared(Struct):
    """What a reader and those of the texts inside its own have together.

    `left`: pieces that may still be read. `doubtful`: from here on shells may see other quotes than are seen here, so
    that no error is sure.
    """

    left: int
    doubtful: bool = False


class WordReader(abc.ABC):
    """A script's text with a position, and the readers for what words are made of.

    `bash`: the extensions that bash(1) has, and busybox's ash in part. `strict`: dash's own grammar alone. What is
    read from substitutions goes to `steps`; `place` says where it stands.
    """

    def __init__(self, text: str, dialect: str, first_line: int, depth: int, shared: Shared):
        self.text = text
        self.at = 0
        self.dialect = dialect
        self.bash = dialect == "bash"
        self.depth = depth
        self.steps: list[Step] = []
        self.place = Step()
        self.shared = shared
        self._first_line = first_line
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._no_arithmetic: set[int] = set()

    @abc.abstractmethod
    def commands_inside(self) -> None:
        """Read commands up to a closing parenthesis, which is left. The command grammar overrides it."""

    @abc.abstractmethod
    def nested(self, text: str, first_line: int) -> "WordReader":
        """A reader of a text inside this one, in the same place. The command grammar overrides it."""

    # The text

    def line(self, at: int | None = None) -> int:
        """The line of a position, the current one where none is given."""
        return self._first_line + bisect_right(self._newlines, (self.at if at is None else at) - 1)

    def error(self, message: str, at: int | None = None, *, sure: bool = True) -> ShellSyntaxError:
        """An error at a position."""
        return ShellSyntaxError(message, self.line(at), sure=sure and not self.shared.doubtful)

    def unexpected(self) -> ShellSyntaxError:
        """An error at what comes next."""
        what = repr(self.text[self.at]) if self.at < len(self.text) else "end of file"
        return self.error(f"unexpected {'newline' if what == repr(chr(10)) else what}")

    def peek(self, length: int = 1) -> str:
        """The next characters, fewer at the end."""
        return self.text[self.at : self.at + length]

    def starts(self, prefix: str) -> bool:
        """The text goes on with `prefix`."""
        return self.text.startswith(prefix, self.at)

    def enter(self) -> None:
        """One level deeper."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("nested too deep to be read", sure=False)

    def count(self) -> None:
        """One piece of work more. What is read twice, as `$((` may be, is so in bounds."""
        self.shared.left -= 1
        if self.shared.left < 0:
            raise self.error("too entangled to be read", sure=False)

    @contextmanager
    def lazily(self, *, by_dash: bool) -> Iterator[None]:
        """What stands inside is read by bash only when it comes to run it: an error is none of the script's.

        `by_dash`: dash, too, takes some of it.
        """
        try:
            yield
        except ShellSyntaxError as error:
            error.sure = error.sure and not self.bash and not by_dash
            raise

    # Words

    def word(self, stop: frozenset[str] = METACHARACTERS) -> Word:
        """One word from here; it may be empty only by quotes. `stop` are the characters that end it."""
        start = self.at
        parts: list[Part] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if self.starts("\\\n"):
                self.at += 2
            elif self.bash and character in "?*+@!" and self.peek(2)[1:] == "(" and self.peek(3)[2:] != ")":
                parts.append(self._pattern())
            elif self.dialect != "dash" and character in "<>" and self.peek(2)[1:] == "(":
                self.at += 1
                parts.append(self._substitution(quoted=False))
            elif character in stop:
                break
            else:
                parts.extend(self.piece())
        if self.at == start:
            raise self.unexpected()
        return Word(self.text[start : self.at], _merged(parts))

    def piece(self) -> list[Part]:
        """One piece outside of quotes."""
        self.count()
        character = self.text[self.at]
        match character:
            case "'":
                return [self._single_quoted()]
            case '"':
                self.at += 1
                return self._double_quoted()
            case "\\":
                value = self.peek(2)[1:] or "\\"
                self.at += 2
                return [Part(PartKind.LITERAL, value, quoted=True)]
            case "$":
                return self._dollar(quoted=False)
            case "`":
                return [self._backquoted(quoted=False)]
        plain = _PLAIN.match(self.text, self.at)
        value = plain.group() if plain else character
        self.at += len(value)
        return [Part(PartKind.LITERAL, value)]

    def quoted_piece(self) -> list[Part]:
        """One piece within double quotes, or of a here-document's body."""
        self.count()
        character = self.text[self.at]
        if character == "\\":
            following = self.peek(2)[1:]
            self.at += 2
            if following == "\n":
                return []
            value = following if following in _DOUBLE_QUOTED_ESCAPES else "\\" + following
            return [Part(PartKind.LITERAL, value, quoted=True)]
        if character == "$":
            return self._dollar(quoted=True)
        if character == "`":
            return [self._backquoted(quoted=True)]
        plain = _QUOTED.match(self.text, self.at)
        value = plain.group() if plain else character
        self.at += len(value)
        return [Part(PartKind.LITERAL, value, quoted=True)]

    def _single_quoted(self) -> Part:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise self.error("a single quote is not closed")
        value = self.text[self.at + 1 : end]
        self.at = end + 1
        return Part(PartKind.LITERAL, value, quoted=True)

    def _double_quoted(self) -> list[Part]:
        """From behind the opening quote to behind the closing one."""
        start = self.at
        parts = [Part(PartKind.LITERAL, "", quoted=True)]
        while self.at < len(self.text):
            if self.peek() == '"':
                self.at += 1
                return parts
            parts.extend(self.quoted_piece())
        raise self.error("a double quote is not closed", start)

    def _dollar(self, *, quoted: bool) -> list[Part]:
        match self.peek(2)[1:]:
            case "(" if self.peek(3)[2:] == "(" and (part := self._arithmetic()) is not None:
                return [part]
            case "(":
                self.shared.doubtful |= not self.bash and self.peek(3)[2:] == "("  # an expression all the same
                self.at += 1
                return [self._substitution(quoted=quoted)]
            case "{":
                return [self._braced(quoted=quoted)]
            case "[" if self.bash:
                return [self._old_arithmetic()]
            case "'" if not quoted and self.dialect != "dash":
                return [self._ansi_quoted()]
            case '"' if not quoted and self.bash:
                self.at += 2
                return self._double_quoted()
        name = _NAME.match(self.text, self.at + 1)
        self.at = name.end() if name else self.at + 1
        return [Part(PartKind.PARAMETER, name.group(), quoted) if name else Part(PartKind.LITERAL, "$", quoted=True)]

    def _ansi_quoted(self) -> Part:
        """`$'…'` (bash(1) QUOTING); numeric escapes are left as they stand, and make the word no literal."""
        start = self.at
        self.at += 2
        value: list[str] = []
        numeric = False
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == "'":
                return Part(PartKind.OTHER if numeric else PartKind.LITERAL, "".join(value), quoted=True)
            if character == "\\":
                character = self.peek()
                self.at += 1
                numeric = numeric or character in "01234567xuUc"
                character = _ESCAPES.get(character, character)
            value.append(character)
        raise self.error("a quote is not closed", start)

    # Expansions

    def _substitution(self, *, quoted: bool) -> Part:
        """`(…)` of a command or process substitution, from its opening parenthesis."""
        start = self.at
        self.at += 1
        mark, depth = len(self.steps), self.depth
        try:
            self.commands_inside()
            if self.peek() != ")":
                raise self.unexpected() if self.at < len(self.text) else self.error("'(' is not closed", start)
        except ShellSyntaxError as error:
            if not self.bash or not error.sure:
                raise
            self.at, self.depth = start, depth
            self.brackets("(", ")")  # before bash 5.2, that is all that it looks for until it comes to run it
            error.sure = False
            raise
        self.at += 1
        return Part(PartKind.COMMAND, self.text[start + 1 : self.at - 1], quoted, tuple(self.steps[mark:]))

    def _backquoted(self, *, quoted: bool) -> Part:
        """A command substitution in the old form: its backslashes are undone first, then it is read as a script."""
        start = self.at
        escaped = '`\\$"' if quoted else "`\\$"
        self.at += 1
        inner: list[str] = []
        while self.peek() not in ("`", ""):
            if self.peek() == "\\" and self.peek(2)[1:] and self.peek(2)[1:] in escaped:
                self.at += 1
            inner.append(self.peek())
            self.at += 1
        if not self.peek():
            raise self.error("a backquote is not closed", start)
        self.at += 1
        reader = self.nested("".join(inner), self.line(start))
        with self.lazily(by_dash=True):  # it minds no rest behind the commands
            reader.commands_inside()
            if reader.at < len(reader.text):
                raise reader.unexpected()
        self.steps.extend(reader.steps)
        return Part(PartKind.COMMAND, "".join(inner), quoted, tuple(reader.steps))

    def _arithmetic(self) -> Part | None:
        """`$((…))`; None, and no move, where it is a substitution that begins with a subshell."""
        start = self.at
        if not self.arithmetic(self.at + 3):
            return None
        return Part(PartKind.OTHER, self.text[start : self.at])

    def arithmetic(self, start: int) -> bool:
        """Read an expression up to `))`, and stand behind it; no move where the parentheses don't match so."""
        if start in self._no_arithmetic:
            return False
        origin, mark = self.at, len(self.steps)
        self.at = start
        self.enter()
        open_ones = 0
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == ")" and not open_ones:
                break
            open_ones += {"(": 1, ")": -1}.get(character, 0)
            self._passed(character)
        self.depth -= 1
        if self.starts("))"):
            self.at += 2
            return True
        self._no_arithmetic.add(start)
        self.at = origin
        del self.steps[mark:]
        return False

    def _passed(self, character: str) -> None:
        """Pass one piece inside of brackets of some kind: quotes and expansions as such, the rest as it stands."""
        if character in "$`":
            self.quoted_piece()
        elif character in "\\'\"":
            self.piece()
        else:
            self.count()
            self.at += 1

    def _old_arithmetic(self) -> Part:
        start = self.at
        self.at += 1
        self.brackets()
        return Part(PartKind.OTHER, self.text[start : self.at])

    def brackets(self, opening: str = "[", closing: str = "]") -> None:
        """Pass what matching brackets hold, from the opening one to behind the closing one, blanks and all."""
        start = self.at
        self.enter()
        open_ones = 0
        while self.at < len(self.text):
            character = self.text[self.at]
            open_ones += {opening: 1, closing: -1}.get(character, 0)
            self._passed(character)
            if not open_ones:
                self.depth -= 1
                return
        raise self.error(f"{opening!r} is not closed", start)

    def _pattern(self) -> Part:
        """`@(…|…)` and its kin (bash(1), Pattern Matching), as one piece that is no literal."""
        start = self.at
        self.at += 1
        self.brackets("(", ")")
        return Part(PartKind.OTHER, self.text[start : self.at])

    def _braced(self, *, quoted: bool) -> Part:
        """`${…}`: the name, and whatever follows up to the brace that closes it."""
        start = self.at
        self.at += 2
        name = _BRACED_NAME.match(self.text, self.at)
        self.at = name.end() if name else self.at
        # Within double quotes, a single quote is a plain character in a default value, and quotes in a pattern
        # (POSIX XCU 2.6.2).
        operator = self.peek()
        known = name is not None and _OPERATOR[self.bash].match(self.text, self.at) is not None
        doubtful, self.shared.doubtful = self.shared.doubtful, self.shared.doubtful or not known
        plain = quoted and (operator in ":-=+?" if self.bash else operator not in "#%")
        mark = len(self.steps)
        self.enter()
        while self.at < len(self.text) and self.peek() != "}":
            character = self.peek()
            if character == "'" and plain:
                self.at += 1
            elif character in "'\"\\$`":
                self.piece()
            else:
                self.count()
                self.at += 1
        self.depth -= 1
        if self.peek() != "}":
            raise self.error("a parameter expansion is not closed", start)
        self.at += 1
        text = self.text[start + 2 : self.at - 1]
        self.shared.doubtful = doubtful or not (known or _PLAIN_IN_BRACES.fullmatch(text))
        return Part(PartKind.PARAMETER, text, quoted, tuple(self.steps[mark:]))


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Adjoining literals of the same quoting as one."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if last is not None and last.kind is part.kind is PartKind.LITERAL and last.quoted == part.quoted:
            merged[-1] = replace(last, text=last.text + part.text)
        else:
            merged.append(part)
    return tuple(merged)
