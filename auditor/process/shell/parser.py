"""From a script's text to its syntax tree: the grammar of POSIX XCU 2.10 with bash's compound commands.

Aliases are not expanded. What can't be read is a `ShellSyntaxError`, never a guess.
"""

import re
from dataclasses import dataclass, replace

from auditor.process.shell.syntax import (
    AndOr,
    Assignment,
    Case,
    Command,
    Function,
    Group,
    If,
    Item,
    Loop,
    Part,
    PartKind,
    Pipeline,
    Redirection,
    Script,
    ShellSyntaxError,
    Simple,
    Subshell,
    Test,
    Word,
)
from auditor.process.shell.words import METACHARACTERS, Source

_RESERVED = re.compile(
    r"(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|select|function|time|\{|\}|!|\[\[|in)(?=[\s;&|()<>]|\Z)"
)
_REDIRECTION = re.compile(r"(?:\d+|\{[A-Za-z_]\w*\})?(<<<|<<-|<<|<>|<&|>>|>\||>&|<(?!\()|>(?!\()|&>>|&>)", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_EQUALS = re.compile(r"\+?=")
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_PARENTHESES = re.compile(r"(?:[ \t]|\\\n)*\((?:[ \t]|\\\n)*\)")
_IN_TEST = frozenset(" \t\n")
_REGEX_GAP = 80  # characters that may stand between `=~` and its operand
_CASE_ENDS = (";;&", ";;", ";&")


@dataclass(frozen=True, slots=True)
class _HereDocument:
    """One whose body is still to come, after the line that asks for it."""

    delimiter: str
    expands: bool
    strip_tabs: bool


def parse_script(text: str, first_line: int = 1) -> Script:
    """The syntax tree of a whole script. Raises ShellSyntaxError."""
    try:
        return _Parser(text, first_line).whole()
    except RecursionError:
        raise ShellSyntaxError("nested too deep", first_line) from None


class _Parser(Source):
    def __init__(self, text: str, first_line: int = 1, depth: int = 0) -> None:
        super().__init__(text, first_line, depth)
        self.parse = self._list
        self._here: list[_HereDocument] = []
        self._substituted: list[Script] = []  # in the here-documents that were read last

    def whole(self) -> Script:
        """All of the text."""
        script = self._list()
        if self.at < len(self.text):
            raise self.error(f"unexpected {self._next_token()!r}")
        return script

    def inner_script(self, text: str, first_line: int) -> Script:
        return _Parser(text, first_line, self.depth).whole()

    def _next_token(self) -> str:
        reserved = self._reserved()
        return reserved or self.peek()

    # Blanks, comments, newlines

    def _blanks(self) -> None:
        """Skip blanks and continued lines, and a comment, which can begin only where a word could."""
        if match := _BLANKS.match(self.text, self.at):
            self.at = match.end()
        if self.peek() == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _newline(self) -> bool:
        if self.peek() != "\n":
            return False
        self.at += 1
        self._here_bodies()
        return True

    def _skip_newlines(self) -> None:
        self._blanks()
        while self._newline():
            self._blanks()

    def _here_bodies(self) -> None:
        waiting, self._here = self._here, []
        for document in waiting:
            self._here_body(document)

    def _here_body(self, document: _HereDocument) -> None:
        """Skip a here-document's body; a missing delimiter ends it with the script, as shells have it."""
        start = self.at
        end = start
        while end < len(self.text):
            line_end = self.text.find("\n", end)
            line_end = len(self.text) if line_end < 0 else line_end
            line = self.text[end:line_end]
            if (line.lstrip("\t") if document.strip_tabs else line) == document.delimiter:
                break
            end = min(line_end + 1, len(self.text))
        else:
            line_end = len(self.text)
        if document.expands:
            body = _Parser(self.text[start:end], self.line(start), self.depth)
            self._substituted.extend(body.substitutions())
        self.at = min(line_end + 1, len(self.text)) if end < len(self.text) else len(self.text)

    def substitutions(self) -> list[Script]:
        """The command substitutions of a text that is expanded as if within double quotes."""
        scripts: list[Script] = []
        while self.at < len(self.text):
            if self.peek() == '"':
                self.at += 1
                continue
            scripts.extend(script for part in self.quoted_piece() for script in part.scripts)
        return scripts

    # Lists

    def _reserved(self) -> str:
        match = _RESERVED.match(self.text, self.at)
        return match.group() if match else ""

    def _expect(self, word: str) -> None:
        self._skip_newlines()
        if self._reserved() != word:
            raise self.error(f"expected {word!r}, found {self._next_token()!r}")
        self.at += len(word)

    def _accept(self, word: str) -> bool:
        if self._reserved() != word:
            return False
        self.at += len(word)
        return True

    _CLOSERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))

    def _list(self) -> Script:
        """Commands up to a closing word, parenthesis or `;;`, which is left to the caller."""
        self.enter()
        items: list[Item] = []
        while True:
            self._skip_newlines()
            items.extend(self._from_here_documents())
            if self.at >= len(self.text) or self.peek() == ")" or self.starts(";;") or self.starts(";&"):
                break
            if self._reserved() in self._CLOSERS:
                break
            command = self._and_or()
            background = self._separator()
            items.append(Item(command, background))
        self.leave()
        return Script(tuple(items))

    def _from_here_documents(self) -> list[Item]:
        """The substitutions in the here-documents that were passed since the last time, as commands of their own."""
        scripts, self._substituted = self._substituted, []
        return [Item(AndOr(Pipeline((Test(tuple(scripts)),))))] if scripts else []

    def _separator(self) -> bool:
        """Pass what ends a command; true for `&`."""
        self._blanks()
        if self.peek() == "&" and not self.starts("&&"):
            self.at += 1
            return True
        if self.peek() == ";" and not self.starts(";;") and not self.starts(";&"):
            self.at += 1
            return False
        closed = self.at >= len(self.text) or self.peek() in ("\n", ")", ";")
        if not closed and self._reserved() not in self._CLOSERS:  # `if (a) then`, `done }`
            raise self.error(f"unexpected {self._next_token()!r}")
        return False

    def _body(self, closing: str) -> Script:
        body = self._list()
        if not body.items:
            raise self.error(f"nothing before {closing!r}")
        return body

    def _and_or(self) -> AndOr:
        first = self._pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while True:
            self._blanks()
            operator = self.peek(2)
            if operator not in ("&&", "||"):
                return AndOr(first, tuple(rest))
            self.at += 2
            self._skip_newlines()
            rest.append((operator, self._pipeline()))

    def _pipeline(self) -> Pipeline:
        while True:
            self._blanks()
            if self._accept("!"):
                continue
            if not self._accept("time"):
                break
            self._blanks()
            if self.starts("-p "):
                self.at += 2
        commands = [self._command()]
        while True:
            self._blanks()
            if self.peek() != "|" or self.starts("||"):
                return Pipeline(tuple(commands))
            self.at += 2 if self.starts("|&") else 1
            self._skip_newlines()
            commands.append(self._command())

    # Commands

    def _command(self) -> Command:
        command = self._compound()
        if command is None:
            return self._simple()
        redirections = self._redirections()
        return replace(command, redirections=redirections) if redirections else command

    def _compound(self) -> Group | Subshell | If | Loop | Case | Function | Test | None:
        self._blanks()
        if self.starts("((") and (test := self._arithmetic_command()) is not None:
            return test
        if self.peek() == "(":
            return self._subshell()
        match self._reserved():
            case "{":
                self.at += 1
                body = self._body("}")
                self._expect("}")
                return Group(body)
            case "if":
                return self._if()
            case "while" | "until" as word:
                self.at += len(word)
                condition = self._body("do")
                return Loop(self._do(), condition)
            case "for" | "select" as word:
                self.at += len(word)
                return self._for()
            case "case":
                return self._case()
            case "[[":
                return self._test()
            case "function":
                return self._function_keyword()
            case word if word in self._CLOSERS:
                raise self.error(f"unexpected {word!r}")
        return None

    def _arithmetic_command(self) -> Test | None:
        scripts = self.arithmetic(self.at + 2)
        return None if scripts is None else Test(scripts)

    def _subshell(self) -> Subshell:
        start = self.at
        self.at += 1
        body = self._body(")")
        if self.peek() != ")":
            raise self.error("a subshell is not closed", start)
        self.at += 1
        return Subshell(body)

    def _if(self) -> If:
        self.at += 2
        branches: list[tuple[Script, Script]] = []
        start = self.at
        condition = self._body("then")
        text = self.text[start : self.at]
        while True:
            self._expect("then")
            branches.append((condition, self._body("fi")))
            if self._accept("elif"):
                condition = self._body("then")
                continue
            otherwise = self._body("fi") if self._accept("else") else None
            self._expect("fi")
            return If(tuple(branches), otherwise, text)

    def _do(self) -> Script:
        self._skip_newlines()
        if self._reserved() == "{":  # bash takes braces for do and done
            self.at += 1
            body = self._body("}")
            self._expect("}")
            return body
        self._expect("do")
        body = self._body("done")
        self._expect("done")
        return body

    def _for(self) -> Loop:
        self._blanks()
        words: list[Word] = []
        if self.starts("(("):
            scripts = self.arithmetic(self.at + 2)
            if scripts is None:
                raise self.error("a for loop's expression is not closed")
            words.append(Word("", (Part(PartKind.ARITHMETIC, "", scripts=scripts),), self.line()))
        else:
            self.word()
            self._skip_newlines()
            if self._accept("in"):
                words.extend(self._words())
        self._blanks()
        if self.peek() == ";" and not self.starts(";;"):
            self.at += 1
        return Loop(self._do(), words=tuple(words))

    def _words(self) -> list[Word]:
        words: list[Word] = []
        while True:
            self._blanks()
            if not self._word_follows():
                return words
            words.append(self.word())

    def _word_follows(self) -> bool:
        character = self.peek()
        if not character:
            return False
        return character not in METACHARACTERS or self.peek(2) in ("<(", ">(")

    def _case(self) -> Case:
        self.at += 4
        self._blanks()
        subject = self.word()
        self._expect("in")
        bodies: list[Script] = []
        patterns: list[Word] = []
        while True:
            self._skip_newlines()
            if self._accept("esac"):
                return Case(subject, tuple(bodies), tuple(patterns))
            if self.peek() == "(":
                self.at += 1
            patterns.extend(self._patterns())
            bodies.append(self._list())
            ending = next((end for end in _CASE_ENDS if self.starts(end)), None)
            if ending is not None:
                self.at += len(ending)
                continue
            self._expect("esac")
            return Case(subject, tuple(bodies), tuple(patterns))

    def _patterns(self) -> list[Word]:
        patterns: list[Word] = []
        while True:
            self._blanks()
            patterns.append(self.word())
            self._blanks()
            character = self.peek()
            if character not in ("|", ")"):
                raise self.error(f"expected ')' after a pattern, found {self._next_token()!r}")
            self.at += 1
            if character == ")":
                return patterns

    def _test(self) -> Test:
        """`[[ … ]]`: operators, parentheses and patterns are only passed over."""
        start = self.at
        self.at += 2
        scripts: list[Script] = []
        while True:
            self._skip_newlines()
            if self.at >= len(self.text):
                raise self.error("a [[ is not closed", start)
            if self.starts("]]") and self.peek(3)[2:] in (*METACHARACTERS, ""):
                self.at += 2
                return Test(tuple(scripts))
            if self.peek() in "&|()<>;":
                self.at += 1
                continue
            scripts.extend(self.word(_IN_TEST | {")", ";"}).scripts if not self._regex() else self._regex_word())

    def _regex(self) -> bool:
        """A `=~` stands directly before."""
        return self.text[max(0, self.at - _REGEX_GAP) : self.at].rstrip(" \t").endswith("=~")

    def _regex_word(self) -> tuple[Script, ...]:
        """What follows `=~`: blanks end it only outside of parentheses and quotes."""
        scripts: list[Script] = []
        open_ones = 0
        while self.at < len(self.text):
            character = self.peek()
            if character in _IN_TEST and not open_ones:
                break
            if character in "()":
                open_ones += 1 if character == "(" else -1
                self.at += 1
            elif character in METACHARACTERS:
                self.at += 1
            else:
                scripts.extend(self.word(METACHARACTERS - {"&", ";"}).scripts)
        return tuple(scripts)

    def _function_keyword(self) -> Function:
        self.at += len("function")
        self._blanks()
        name = self.word().raw
        if match := _PARENTHESES.match(self.text, self.at):
            self.at = match.end()
        return self._function(name)

    def _function(self, name: str) -> Function:
        self._skip_newlines()
        self.enter()
        body = self._command()
        self.leave()
        return Function(name, body)

    # Simple commands

    def _simple(self) -> Simple | Function:
        start = self.at
        line = self.line()
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
                return self._function_parentheses(words[0])
            else:
                break
        if not (words or assignments or redirections):
            raise self.error(f"unexpected {self._next_token()!r}" if self.peek() else "unexpected end")
        text = self.text[start : self.at].rstrip()
        return Simple(line, text, tuple(assignments), tuple(words), tuple(redirections))

    def _function_parentheses(self, name: Word) -> Function:
        match = _PARENTHESES.match(self.text, self.at)
        if match is None:
            raise self.error("unexpected '('")
        self.at = match.end()
        return self._function(name.raw)

    def _argument(self, words: list[Word]) -> Word:
        """A word; to the builtins that declare variables, also `name=(…)` (bash(1), Arrays)."""
        start = self.at
        if not words or words[0].raw not in ("declare", "typeset", "local", "export", "readonly"):
            return self.word()
        name = self._assigned_name()
        if name is None or self.peek() != "(":
            self.at = start
            return self.word()
        head = Part(PartKind.LITERAL, self.text[start : self.at])
        line = self.line(start)
        value = self._array()
        return Word(self.text[start : self.at], (head, *value.parts), line)

    def _assigned_name(self) -> tuple[str, bool] | None:
        """Pass `name=`, `name+=` or `name[…]=`; the name, and whether it keeps something of the old value."""
        start = self.at
        variable = _VARIABLE.match(self.text, start)
        if variable is None:
            return None
        self.at = variable.end()
        indexed = self.peek() == "["
        if indexed:
            self._index()
        equals = _EQUALS.match(self.text, self.at)
        if equals is None:
            self.at = start
            return None
        self.at = equals.end()
        return variable.group(), indexed or equals.group() == "+="

    def _index(self) -> None:
        """Pass `[…]`, or stand at the end of the line where it isn't closed."""
        self.at += 1
        open_ones = 1
        while open_ones and self.peek() not in ("", "\n", " "):
            if self.peek() in "'\"\\$`":
                self._piece()
                continue
            open_ones += {"[": 1, "]": -1}.get(self.peek(), 0)
            self.at += 1

    def _assignment(self) -> Assignment | None:
        line = self.line()
        name = self._assigned_name()
        if name is None:
            return None
        if self.peek() == "(":
            return Assignment(name[0], self._array(), append=name[1])
        if not self._word_follows():
            return Assignment(name[0], Word("", (), line), append=name[1])
        return Assignment(name[0], self.word(), append=name[1])

    def _array(self) -> Word:
        start = self.at
        self.at += 1
        scripts: list[Script] = []
        while True:
            self._skip_newlines()
            if self.peek() == ")":
                break
            if not self._word_follows():
                raise self.error("an array's value is not closed", start)
            scripts.extend(self.word().scripts)
        self.at += 1
        part = Part(PartKind.ARRAY, self.text[start : self.at], scripts=tuple(scripts))
        return Word(self.text[start : self.at], (part,), self.line(start))

    def _redirections(self) -> tuple[Redirection, ...]:
        redirections: list[Redirection] = []
        while True:
            self._blanks()
            redirection = self._redirection()
            if redirection is None:
                return tuple(redirections)
            redirections.append(redirection)

    def _redirection(self) -> Redirection | None:
        match = _REDIRECTION.match(self.text, self.at)
        if match is None:
            return None
        operator = match.group(1)
        self.at = match.end()
        self._blanks()
        target = self.word()
        if operator not in ("<<", "<<-"):
            return Redirection(operator, target, target.scripts)
        return self._here_document(operator, target)

    def _here_document(self, operator: str, target: Word) -> Redirection:
        delimiter = "".join(part.text for part in target.parts)
        quoted = any(part.quoted for part in target.parts)
        self._here.append(_HereDocument(delimiter, expands=not quoted, strip_tabs=operator == "<<-"))
        return Redirection(operator, target)
