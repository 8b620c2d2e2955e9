"""From a script's text to its commands: the grammar of POSIX XCU 2.10 as dash and bash have it.

There is no tree: what tells which commands run, and when, goes with each command. Aliases are not expanded. A text that
its shell refuses gives a `ShellSyntaxError`, never a guess.
"""

import re

from msgspec import Struct
from msgspec.structs import replace

from auditor.process.shell.syntax import (
    Assignment,
    Part,
    PartKind,
    Redirection,
    Script,
    ShellSyntaxError,
    Step,
    Word,
)
from auditor.process.shell.words import METACHARACTERS, Shared, WordReader

_JOIN = r"(?:\\\n)*"  # lines that are continued, within a word too


def _reserved_words(text: str) -> re.Pattern[str]:
    words = "|".join(_JOIN.join(re.escape(letter) for letter in word) for word in text.split())
    return re.compile(rf"(?:{words})(?={_JOIN}(?:[\s;&|()<>]|\Z))")


_WORDS = "if then elif else fi for while until do done case esac in { } !"
_RESERVED = {
    "bash": _reserved_words(f"{_WORDS} select function time coproc [["),
    "dash": _reserved_words(_WORDS),
    "ash": _reserved_words(f"{_WORDS} function"),
}
_REDIRECTION = re.compile(r"\d*(<<-|<<|<>|<&|>>|>\||>&|<|>)", re.ASCII)
_REDIRECTION_OF_ASH = re.compile(r"\d*(<<-|<<|<>|<&|>>|>\||>&|<(?!\()|>(?!\()|&>>|&>)", re.ASCII)
_REDIRECTION_OF_BASH = re.compile(rf"(?:\{{[A-Za-z_]\w*\}})?(?:\d*(<<<)|{_REDIRECTION_OF_ASH.pattern})", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_EQUALS = re.compile(r"\+?=")
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_PARENTHESES = re.compile(r"\((?:[ \t]|\\\n)*\)")
_CLOSERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
_NO_COMMAND = _CLOSERS | {"!", "in"}
_CASE_ENDS = (";;&", ";;", ";&")
_IN_TEST = frozenset(" \t\n;")
_ASSIGNING = frozenset(("declare", "typeset", "local", "export", "readonly", "eval", "let", "alias"))
"""Builtins of bash that take `name=(…)` as an argument."""


class _HereDocument(Struct, frozen=True):
    """One whose body is still to come, after the line that asks for it. `place`: of the command that asks."""

    delimiter: str
    expands: bool
    strip_tabs: bool
    place: Step


def read_script(text: str, dialect: str = "", first_line: int = 1) -> Script:
    """Read a whole script as `bash`, `dash` or `ash` would. Raises nothing: what is refused is in the script's `error`.

    Any other dialect may be each of them: only a text that both dash and bash refuse has an error.
    """
    known = dialect in _RESERVED
    script = _Reader(text, dialect if known else "bash", first_line).whole()
    if script.error is None or known:
        return script
    plain = _Reader(text, "dash", first_line).whole()
    return script if plain.error is not None and plain.error.sure else plain


class _Reader(WordReader):
    """Reads commands, each in its `place`; a compound command's are put where they belong when its end is known."""

    def __init__(self, text: str, dialect: str, first_line: int, depth: int = 0, shared: Shared | None = None) -> None:
        super().__init__(text, dialect, first_line, depth, shared or Shared(2 * len(text) + 1000))
        self._functions: set[str] = set()
        self._here: list[_HereDocument] = []
        self._readers = {
            "(": self._subshell,
            "{": self._group,
            "if": self._if,
            "while": self._while,
            "until": self._while,
            "for": self._for,
            "select": self._for,
            "case": self._case,
            "[[": self._test,
            "coproc": self._coprocess,
            "function": self._function_keyword,
        }
        self._redirections = {"bash": _REDIRECTION_OF_BASH, "ash": _REDIRECTION_OF_ASH}.get(dialect, _REDIRECTION)

    def whole(self) -> Script:
        """All of the text, line by line as shells read it: what stands behind a refused line is never read."""
        read, at = 0, 0
        error = None
        try:
            while True:
                self._skip_newlines()
                read, at = len(self.steps), self.at
                if self.at >= len(self.text):
                    break
                self._line()
        except ShellSyntaxError as refused:
            error = refused
        except RecursionError:
            error = self.error("nested too deep to be read", sure=False)
        return Script(tuple(self.steps[:read]), frozenset(self._functions), error, self.text[at:] if error else "")

    def _line(self) -> None:
        while self.at < len(self.text) and self.peek() != "\n":
            self._item()
            self._blanks()

    def commands_inside(self) -> None:
        outer = self.place
        self.place = replace(outer, own_process=False, after_failure=False)
        self._list()
        self.place = outer

    def nested(self, text: str, first_line: int) -> WordReader:
        self.enter()
        reader = _Reader(text, self.dialect, first_line, self.depth, self.shared)
        self.depth -= 1
        reader.place = self.place
        reader._functions = self._functions
        return reader

    # Blanks, comments, newlines

    def _blanks(self) -> None:
        """Skip blanks and continued lines, and a comment, which can begin only where a word could."""
        if match := _BLANKS.match(self.text, self.at):
            self.at = match.end()
        if self.peek() == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _skip_newlines(self) -> None:
        self._blanks()
        while self.peek() == "\n":
            self.at += 1
            waiting, self._here = self._here, []
            for document in waiting:
                self._here_body(document)
            self._blanks()

    def _here_body(self, document: _HereDocument) -> None:
        """Pass a here-document's body; a missing delimiter ends it with the script, as shells have it."""
        start = end = self.at
        while end < len(self.text):
            line_end = self.text.find("\n", end)
            line_end = len(self.text) if line_end < 0 else line_end
            line = self.text[end:line_end]
            self.at = min(line_end + 1, len(self.text))
            if (line.lstrip("\t") if document.strip_tabs else line) == document.delimiter:
                break
            end = self.at
        if document.expands:
            reader = self.nested(self.text[start:end], self.line(start))
            reader.place = document.place
            with self.lazily(by_dash=False):
                while reader.at < len(reader.text):
                    if reader.peek() == '"':
                        reader.at += 1
                    else:
                        reader.quoted_piece()
            self.steps.extend(reader.steps)

    # Lists

    def _reserved(self) -> str:
        match = _RESERVED[self.dialect].match(self.text, self.at)
        return match.group().replace("\\\n", "") if match else ""

    def _accept(self, word: str) -> bool:
        match = _RESERVED[self.dialect].match(self.text, self.at)
        if match is None or self._reserved() != word:
            return False
        self.at = match.end()
        return True

    def _expect(self, word: str) -> None:
        self._skip_newlines()
        if not self._accept(word):
            raise self._unexpected(f"{word!r} expected")

    def _unexpected(self, wanted: str = "") -> ShellSyntaxError:
        found = self._reserved() or next((end for end in _CASE_ENDS if self.starts(end)), "")
        if not found or self.at >= len(self.text):
            error = self.unexpected()
            return self.error(f"{error.message} ({wanted})") if wanted else error
        return self.error(f"unexpected {found!r}" + (f" ({wanted})" if wanted else ""))

    def _list(self) -> int:
        """Commands up to a closing word, parenthesis or `;;`, which is left to the caller; how many there were."""
        self.enter()
        count = 0
        while True:
            self._skip_newlines()
            if self.peek() in (")", "") or self.starts(";;") or self.starts(";&") or self._reserved() in _CLOSERS:
                self.depth -= 1
                return count
            self._item()
            count += 1

    def _item(self) -> None:
        """One command with what ends it; what is in the background is no longer the script's own process."""
        mark = len(self.steps)
        self._and_or()
        self._blanks()
        following = self.peek(2)
        if following[:1] == "&" and following != "&&":
            self._set_apart(mark)
            self.at += 1
        elif following[:1] == ";" and following not in (";;", ";&"):
            self.at += 1
        elif following[:1] not in ("", "\n", ")", ";") and self._reserved() not in _CLOSERS:  # `if (a) then`, `done }`
            raise self._unexpected()

    def _set_apart(self, mark: int) -> None:
        self.steps[mark:] = [replace(step, own_process=False) for step in self.steps[mark:]]

    def _body(self, closing: str) -> None:
        if not self._list():
            raise self._unexpected(f"a command expected before {closing!r}")

    def _branch(self, closing: str, condition: str | None = None) -> None:
        """A list that may not be reached."""
        outer = self.place
        self.place = replace(outer, certain=False, condition=outer.condition if condition is None else condition)
        self._body(closing)
        self.place = outer

    def _and_or(self) -> None:
        outer = self.place
        self._pipeline()
        while True:
            self._blanks()
            operator = self.peek(2)
            if operator not in ("&&", "||"):
                break
            self.at += 2
            self._skip_newlines()
            self.place = replace(outer, certain=False, after_failure=operator == "||")
            self._pipeline()
        self.place = outer

    def _pipeline(self) -> None:
        mark = len(self.steps)
        self._blanks()
        prefixed = False
        while (self.bash or not prefixed) and self._reserved() in ("!", "time"):
            prefixed = True
            timed = self._accept("time") or not self._accept("!")
            self._blanks()
            if timed and self.starts("-p "):
                self.at += 2
                self._blanks()
        if prefixed and self.bash and self.peek() in ("", "\n", ";"):
            return  # `!` and `time` by themselves
        self._command()
        members = 1
        while True:
            self._blanks()
            if self.peek() != "|" or self.starts("||"):
                break
            self.at += 2 if self.bash and self.starts("|&") else 1
            self._skip_newlines()
            self._command()
            members += 1
        if members > 1:
            self._set_apart(mark)

    # Commands

    def _command(self) -> bool:
        """Any command; whether it is a compound one."""
        self.count()
        outer = self.place
        self._blanks()
        compound = self._compound()
        self.place = outer
        if not compound:
            self._simple()
        while compound and self._redirection() is not None:
            self._blanks()
        self.place = outer
        return compound

    def _compound(self) -> bool:
        """Read a compound command, if one stands here."""
        if self.bash and self.starts("((") and self.arithmetic(self.at + 2):
            return True
        word = "(" if self.peek() == "(" else self._reserved()
        if word in _NO_COMMAND:
            raise self._unexpected()
        read = self._readers.get(word)
        if read is None:
            return False  # `time`, where no pipeline begins
        if not self._accept(word):
            self.at += 1  # a parenthesis
        self.place = replace(self.place, after_failure=False)
        read()
        self._blanks()
        return True

    def _subshell(self) -> None:
        self.place = replace(self.place, own_process=False)
        self._body(")")
        if self.peek() != ")":
            raise self._unexpected("')' expected")
        self.at += 1

    def _group(self) -> None:
        self._body("}")
        self._expect("}")

    def _while(self) -> None:
        self._body("do")
        self._do()

    def _if(self) -> None:
        start = self.at
        self._body("then")
        condition = self.text[start : self.at]
        while True:
            self._expect("then")
            self._branch("fi", condition)
            if self._accept("elif"):
                self._branch("then", condition)
                continue
            if self._accept("else"):
                self._branch("fi", condition)
            self._expect("fi")
            return

    def _do(self, *, braces: bool = False) -> None:
        self._skip_newlines()
        opening, closing = ("{", "}") if braces and self.bash and self._reserved() == "{" else ("do", "done")
        self._expect(opening)
        self._branch(closing)
        self._expect(closing)

    def _for(self) -> None:
        self._blanks()
        if self.bash and self.starts("(("):
            if not self.arithmetic(self.at + 2):
                raise self.unexpected()
            self._blanks()
            self.at += self.peek() == ";"
        else:
            name = self.word().raw
            if not self.bash and not _VARIABLE.fullmatch(name):
                raise self.error("bad for loop variable")
            self._blanks()
            if self.peek() == ";":
                self.at += 1
            else:
                self._skip_newlines()
                if self._accept("in"):
                    self._words_of_for()
        self._do(braces=True)

    def _words_of_for(self) -> None:
        self._blanks()
        while self._word_follows():
            self.word()
            self._blanks()
        if self.peek() not in (";", "\n") or self.starts(";;"):
            raise self.unexpected()
        self.at += self.peek() == ";"

    def _word_follows(self) -> bool:
        character = self.peek()
        if not character:
            return False
        return character not in METACHARACTERS or (self.dialect != "dash" and self.peek(2) in ("<(", ">("))

    def _case(self) -> None:
        self._blanks()
        self.word()
        self._expect("in")
        outer = self.place
        self.place = replace(outer, certain=False)
        while True:
            self._skip_newlines()
            if self._accept("esac"):
                break
            if self.peek() == "(":
                self.at += 1
            self._patterns()
            self._list()
            ending = next((end for end in (_CASE_ENDS if self.bash else (";;",)) if self.starts(end)), None)
            if ending is None:
                self._expect("esac")
                break
            self.at += len(ending)
        self.place = outer

    def _patterns(self) -> None:
        while True:
            self._blanks()
            self.word()
            self._blanks()
            if self.peek() not in ("|", ")"):
                raise self._unexpected("')' expected after a pattern")
            self.at += 1
            if self.text[self.at - 1] == ")":
                return

    def _test(self) -> None:
        """`[[ … ]]`: operators, parentheses and patterns are only passed over."""
        start = self.at
        open_ones = 0
        while self.at < len(self.text):
            self._skip_newlines()
            if self.starts("]]") and (self.peek(3)[2:] in METACHARACTERS or self.peek(3)[2:] == ""):
                self.at += 2
                return
            if self.peek() in _IN_TEST:
                raise self.error("unexpected ';' between [[ and ]]", sure=False)
            while self.at < len(self.text) and (open_ones or self.peek() not in _IN_TEST):
                if self.peek() in METACHARACTERS and self.peek(2) not in ("<(", ">("):
                    open_ones = max(0, open_ones + {"(": 1, ")": -1}.get(self.peek(), 0))
                    self.at += 1
                elif self.starts("]]") and open_ones and self.text[self.at - 1] in " \t":
                    open_ones = 0
                    break
                else:
                    self.word()
        raise self.error("[[ is not closed", start)

    def _coprocess(self) -> None:
        """`coproc [NAME] COMMAND`; a name only before a compound command."""
        self.place = replace(self.place, own_process=False)
        self._blanks()
        start = self.at
        if self._reserved() == "" and self._word_follows() and self.peek() != "(":
            self.word()
            self._blanks()
            if not (self.peek() == "(" or self._reserved() in ("{", "if", "while", "until", "for", "case", "[[")):
                self.at = start
        self.enter()
        self._command()
        self.depth -= 1

    def _function_keyword(self) -> None:
        self._blanks()
        name = self.word().raw
        self._blanks()
        if match := _PARENTHESES.match(self.text, self.at):
            self.at = match.end()
        self._function(name)

    def _function(self, name: str) -> None:
        self._functions.add(name)
        self._skip_newlines()
        self.place = replace(self.place, certain=False, function=name)
        self.enter()
        if not self._command() and self.dialect == "bash":
            raise self.error("a function's body is no compound command")
        self.depth -= 1

    # Simple commands

    def _simple(self) -> None:
        start = self.at
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            self._blanks()
            if (redirection := self._redirection()) is not None:
                redirections.append(redirection)
            elif not words and (assignment := self._assignment()) is not None:
                assignments.append(assignment)
            elif self._word_follows():
                words.append(self._argument(words))
            elif self.peek() == "(" and len(words) == 1 and not assignments and not redirections:
                self._function_definition(words[0])
                return
            else:
                break
        if self.at == start or not (words or assignments or redirections):
            raise self._unexpected()
        text = self.text[start : self.at].rstrip()
        step = replace(self.place, line=self.line(start), text=text)
        self.steps.append(
            replace(step, assignments=tuple(assignments), words=tuple(words), redirections=tuple(redirections))
        )

    def _function_definition(self, name: Word) -> None:
        match = _PARENTHESES.match(self.text, self.at)
        if match is None:
            raise self.unexpected()
        if not self.bash and not _VARIABLE.fullmatch(name.raw):
            # What busybox's ash takes for a name grew: 1.35 refuses `my-f`, 1.37 has it.
            raise self.error("bad function name", sure=self.dialect == "dash")
        self.at = match.end()
        self.place = replace(self.place, after_failure=False)
        self._function(name.raw)

    def _argument(self, words: list[Word]) -> Word:
        """A word; to the builtins that declare variables, also `name=(…)` (bash(1), Arrays)."""
        if not self.bash or not any(word.raw in _ASSIGNING for word in words[:1]):
            return self.word()
        start = self.at
        assignment = self._assignment()
        if assignment is None:
            return self.word()
        value = self.text[start : self.at].removesuffix(assignment.value.raw)
        return Word(self.text[start : self.at], (Part(PartKind.LITERAL, value), *assignment.value.parts))

    def _assignment(self) -> Assignment | None:
        """`name=value`, `name+=value`, and bash's `name[…]=value` and `name=(…)`."""
        start, mark = self.at, len(self.steps)
        name = _VARIABLE.match(self.text, start)
        if name is None:
            return None
        self.at = name.end()
        indexed = self.dialect == "bash" and self.peek() == "["
        if indexed:
            self.brackets()
        equals = _EQUALS.match(self.text, self.at)
        if equals is None:
            self.at = start
            del self.steps[mark:]
            return None
        self.at = equals.end()
        append = indexed or equals.group() == "+="
        while self.starts("\\\n"):
            self.at += 2
        if self.bash and self.peek() == "(":
            return Assignment(name.group(), self._array(), append)
        return Assignment(name.group(), self.word() if self._word_follows() else Word(""), append)

    def _array(self) -> Word:
        start = self.at
        self.at += 1
        self._skip_newlines()
        while self.peek() != ")":
            if not self._word_follows():
                raise self.unexpected()
            if self.peek() == "[":
                self.brackets()
            if self.peek() not in METACHARACTERS:
                self.word()
            self._skip_newlines()
        self.at += 1
        return Word(self.text[start : self.at], (Part(PartKind.OTHER, self.text[start : self.at]),))

    def _redirection(self) -> Redirection | None:
        match = self._redirections.match(self.text, self.at)
        if match is None:
            return None
        operator = match.group(match.lastindex or 0)
        self.at = match.end()
        self._blanks()
        target = self.word()
        if operator in ("<<", "<<-"):
            quoted = any(part.quoted for part in target.parts)
            delimiter = "".join(part.text for part in target.parts) if quoted else target.raw.replace("\\\n", "")
            place = replace(self.place, own_process=False, after_failure=False)
            self._here.append(_HereDocument(delimiter, not quoted, operator == "<<-", place))
        return Redirection(operator, target)
