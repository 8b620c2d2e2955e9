"""Words: quoting, expansions and substitutions (POSIX XCU 2.2, 2.6; bash(1) QUOTING, EXPANSION)."""

import re
from bisect import bisect_right
from collections.abc import Callable

from auditor.process.shell.syntax import Part, PartKind, Script, ShellSyntaxError, Word

MAX_DEPTH = 40
"""Substitutions, groups and subshells within each other; no honest script comes near."""

METACHARACTERS = frozenset(" \t\n;&|()<>")
_PLAIN = re.compile(r"[^\s;&|()<>\\'\"$`?*+@!]+")
_NAME = re.compile(r"[A-Za-z_]\w*|\d|[-@*#?$!]", re.ASCII)
_BRACED_NAME = re.compile(r"[!#]?(?:[A-Za-z_]\w*|\d+|[-@*#?$!])|[#!]", re.ASCII)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_DOUBLE_QUOTED_ESCAPES = frozenset('$`"\\')


class Source:
    """A script's text with a position, and the readers for what words are made of.

    `parse` reads a command list up to a closing parenthesis, which is left to the caller; the command grammar
    supplies it, since a substitution may hold any command.
    """

    def __init__(self, text: str, first_line: int = 1, depth: int = 0) -> None:
        self.text = text
        self.at = 0
        self.depth = depth
        self._first_line = first_line
        self._newlines = [index for index, character in enumerate(text) if character == "\n"]
        self.parse: Callable[[], Script] = lambda: Script(())

    def line(self, at: int | None = None) -> int:
        """The line of a position, the current one where none is given."""
        return self._first_line + bisect_right(self._newlines, (self.at if at is None else at) - 1)

    def error(self, message: str, at: int | None = None) -> ShellSyntaxError:
        """An error at a position."""
        return ShellSyntaxError(message, self.line(at))

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
            raise self.error("nested too deep")

    def leave(self) -> None:
        """One level back."""
        self.depth -= 1

    def word(self, stop: frozenset[str] = METACHARACTERS) -> Word:
        """One word from here; it may be empty only by quotes. `stop` are the characters that end it."""
        start = self.at
        parts: list[Part] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if self.starts("\\\n"):
                self.at += 2
            elif character in "?*+@!" and self.peek(2).endswith("(") and "(" in stop:
                parts.append(self._extended_pattern())
            elif character in "<>" and self.at == start and self.peek(2).endswith("("):
                self.at += 1
                parts.append(self._parenthesised())
            elif character in stop:
                break
            else:
                parts.extend(self._piece())
        if self.at == start:
            raise self.error(f"unexpected {self.peek()!r}" if self.peek() else "unexpected end")
        return Word(self.text[start : self.at], _merged(parts), self.line(start))

    def _piece(self) -> list[Part]:
        """One piece outside of quotes."""
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
        while True:
            if self.at >= len(self.text):
                raise self.error("a double quote is not closed", start)
            if self.peek() == '"':
                self.at += 1
                return parts
            parts.extend(self.quoted_piece())

    def quoted_piece(self) -> list[Part]:
        """One piece within double quotes, or of a here-document's body."""
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
        end = self.at
        while end < len(self.text) and self.text[end] not in '\\$`"':
            end += 1
        end = max(end, self.at + 1)
        value = self.text[self.at : end]
        self.at = end
        return [Part(PartKind.LITERAL, value, quoted=True)]

    def _dollar(self, *, quoted: bool) -> list[Part]:
        following = self.peek(3)[1:]
        if following == "((":
            return [self._arithmetic_or_command()]
        if following.startswith("("):
            self.at += 1
            return [self._parenthesised(quoted=quoted)]
        if following.startswith("{"):
            return [self._braced(quoted=quoted)]
        if following.startswith("[") and not quoted:
            return [self._old_arithmetic()]
        if following.startswith("'") and not quoted:
            return [self._ansi_quoted()]
        if following.startswith('"') and not quoted:
            self.at += 2
            return self._double_quoted()
        name = _NAME.match(self.text, self.at + 1)
        if name is None:
            self.at += 1
            return [Part(PartKind.LITERAL, "$", quoted=True)]
        self.at = name.end()
        return [Part(PartKind.PARAMETER, name.group(), quoted)]

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
                kind = PartKind.ARITHMETIC if numeric else PartKind.LITERAL
                return Part(kind, "".join(value), quoted=True)
            if character != "\\":
                value.append(character)
                continue
            escaped = self.peek()
            self.at += 1
            numeric = numeric or escaped in "01234567xuUc"
            value.append(_ESCAPES.get(escaped, escaped))
        raise self.error("a quote is not closed", start)

    def _parenthesised(self, *, quoted: bool = False) -> Part:
        """`(…)` of a command or process substitution, from its opening parenthesis."""
        start = self.at
        self.at += 1
        self.enter()
        script = self.parse()
        self.leave()
        if self.peek() != ")":
            raise self.error("a command substitution is not closed", start)
        self.at += 1
        return Part(PartKind.COMMAND, self.text[start + 1 : self.at - 1], quoted, (script,))

    def _arithmetic_or_command(self) -> Part:
        """`$((…))`; where it doesn't end in two parentheses it is a substitution that begins with a subshell."""
        start = self.at
        scripts = self.arithmetic(self.at + 3)
        if scripts is not None:
            return Part(PartKind.ARITHMETIC, self.text[start : self.at], scripts=scripts)
        self.at = start + 1
        return self._parenthesised()

    def arithmetic(self, start: int) -> tuple[Script, ...] | None:
        """Read an expression up to `))`, and stand behind it; None, and no move, where the parentheses don't match."""
        origin = self.at
        self.at = start
        open_ones = 0
        scripts: list[Script] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "(":
                open_ones += 1
                self.at += 1
            elif character == ")":
                if open_ones == 0:
                    if not self.starts("))"):
                        break
                    self.at += 2
                    return tuple(scripts)
                open_ones -= 1
                self.at += 1
            elif character in "$`":
                scripts.extend(script for part in self.quoted_piece() for script in part.scripts)
            else:
                self.at += 2 if character == "\\" else 1
        self.at = origin
        return None

    def _old_arithmetic(self) -> Part:
        start = self.at
        self.at += 2
        scripts: list[Script] = []
        while self.at < len(self.text) and self.peek() != "]":
            scripts.extend(script for part in self.quoted_piece() for script in part.scripts)
            if self.peek() == '"':
                self.at += 1
        if self.peek() != "]":
            raise self.error("an expression is not closed", start)
        self.at += 1
        return Part(PartKind.ARITHMETIC, self.text[start : self.at], scripts=tuple(scripts))

    def _braced(self, *, quoted: bool) -> Part:
        """`${…}`: the name, and whatever follows up to the brace that closes it."""
        start = self.at
        self.at += 2
        name = _BRACED_NAME.match(self.text, self.at)
        if name is not None:
            self.at = name.end()
        elif self.peek() in (" ", "\t", "\n", "|", ""):
            raise self.error("a parameter expansion without a name", start)
        operator = self.peek(2)
        # Within double quotes, a single quote is a plain character in a default value, and quotes in a pattern
        # (POSIX XCU 2.6.2).
        literal_quotes = quoted and operator[:1] in (":", "-", "=", "+", "?")
        scripts: list[Script] = []
        self.enter()
        while self.at < len(self.text) and self.peek() != "}":
            character = self.peek()
            if character == "'" and literal_quotes:
                self.at += 1
                continue
            pieces = self._piece() if character in "'\"\\" else self._plain_in_braces()
            scripts.extend(script for part in pieces for script in part.scripts)
        self.leave()
        if self.peek() != "}":
            raise self.error("a parameter expansion is not closed", start)
        self.at += 1
        return Part(PartKind.PARAMETER, self.text[start + 2 : self.at - 1], quoted, tuple(scripts))

    def _plain_in_braces(self) -> list[Part]:
        if self.peek() in "$`":
            return self._piece()
        self.at += 1
        return []

    def _backquoted(self, *, quoted: bool) -> Part:
        """A command substitution in the old form: its backslashes are undone first, then it is read as a script."""
        start = self.at
        self.at += 1
        inner: list[str] = []
        while self.at < len(self.text) and self.peek() != "`":
            if self.peek() == "\\" and self.peek(2)[1:] in ("`", "\\", "$", *(('"',) if quoted else ())):
                self.at += 1
            inner.append(self.peek())
            self.at += 1
        if self.peek() != "`":
            raise self.error("a backquote is not closed", start)
        self.at += 1
        self.enter()
        script = self.inner_script("".join(inner), self.line(start))
        self.leave()
        return Part(PartKind.COMMAND, "".join(inner), quoted, (script,))

    def inner_script(self, text: str, first_line: int) -> Script:
        """Read a text that stands for itself; the command grammar overrides it."""
        raise NotImplementedError

    def _extended_pattern(self) -> Part:
        """`@(…|…)` and its kin (bash(1), Pattern Matching), as one piece that is no literal."""
        start = self.at
        self.at += 2
        open_ones = 1
        scripts: list[Script] = []
        while self.at < len(self.text) and open_ones:
            character = self.peek()
            if character in "()":
                open_ones += 1 if character == "(" else -1
                self.at += 1
            elif character in METACHARACTERS:
                self.at += 1
            else:
                scripts.extend(script for part in self._piece() for script in part.scripts)
        if open_ones:
            raise self.error("a pattern is not closed", start)
        return Part(PartKind.ARITHMETIC, self.text[start : self.at], scripts=tuple(scripts))


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Adjoining literals of the same quoting as one."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.kind is PartKind.LITERAL
            and part.kind is PartKind.LITERAL
            and last.quoted == part.quoted
        ):
            merged[-1] = Part(PartKind.LITERAL, last.text + part.text, part.quoted)
        else:
            merged.append(part)
    return tuple(merged)
