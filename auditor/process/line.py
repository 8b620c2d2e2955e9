"""One simple command of a script: what it does to the shell's state, and what it starts."""

from typing import Protocol

from msgspec.structs import replace

from auditor.filetree import FileTree
from auditor.process.findings import Exec, Findings, Placement
from auditor.process.hints import assigned, is_all_arguments, is_assignment, literal_folder, possible_names
from auditor.process.model import Origin, Role
from auditor.process.path import absolute, lookup
from auditor.process.program import basename
from auditor.process.shell.builtins import (
    BUILTINS,
    INSPECTORS,
    PACKAGE_MANAGERS,
    PERMISSION_CHANGERS,
    UNPACKERS,
)
from auditor.process.shell.syntax import Part, PartKind, Step, Word
from auditor.process.state import Call, Context, State, path_value
from auditor.process.wrappers import Argument, is_wrapper, wrapped

_DIGITS = 9  # of an exit status; no shell takes more


class Starter(Protocol):
    """Who follows what a command starts."""

    tree: FileTree
    findings: Findings

    def start(self, call: Call) -> None:
        """A program by name."""

    def source(self, word: Word, state: State, context: Context, origin: Origin, *, certain: bool) -> None:
        """A file that is read as part of the script."""


def may_leave(step: Step) -> bool:
    """A command after which the script may not go on, without having failed."""
    words = [word.literal for word in step.words]
    if not step.own_process or not words:
        return False
    if words[0] == "exec":
        return len(words) > 1
    return words[0] == "exit" and not _fails(step)


def _fails(step: Step) -> bool:
    """An `exit` or `return` that only a failure leads to: its status isn't zero, or is one that was just tested."""
    words = step.words
    if len(words) < 2 or step.after_failure:
        return step.after_failure
    status = words[1].literal
    if status is not None:
        return status.isdecimal() and (len(status) > _DIGITS or int(status) % 256 != 0)  # else the shell refuses it
    names = [part.text for part in words[1].parts if part.kind is PartKind.PARAMETER]
    return len(names) == 1 and names[0] != "?" and f"${names[0]}" in step.condition.replace("{", "")


class Line:
    """One command, in the state in which the shell comes to it."""

    def __init__(self, starter: Starter, step: Step, state: State, context: Context, origin: Origin) -> None:
        self.starter = starter
        self.findings = starter.findings
        self.step = step
        self.state = state
        self.context = context
        self.origin = origin
        self.words = step.words
        self.certain = step.certain and context.reached and state.certain
        self.settled = step.certain and step.own_process  # its effect on the shell itself is sure
        self.own = step.own_process and not step.function

    def run(self) -> None:
        """Do what the command does to the state, and follow what it starts."""
        for redirection in self.step.redirections:
            target = redirection.target.literal
            if ">" in redirection.operator and target:
                self.findings.made.add(self._absolute(target))
        if self.words:
            self._command()
            return
        for assignment in self.step.assignments:
            self._assign(assignment.name, assignment.value, append=assignment.append)

    def _absolute(self, path: str) -> str:
        return absolute(path, self.state.search.working_dir)

    def _assign(self, name: str, value: Word, *, append: bool = False) -> None:
        if not self.step.own_process:
            return
        if name == "PATH":
            self.state.change_path(value, certain=self.settled, append=append)
            return
        names = assigned(value, self.state.hints)
        if names:
            self.state.hints[name] = tuple(dict.fromkeys((*self.state.hints.get(name, ()), *names)))

    def _command(self) -> None:
        name = self.words[0].literal
        rest = self.words[1:]
        if name is None:
            self._unknown_word(self.words, Role.COMMAND)
        elif name in self.state.functions:
            if name in self.state.leaving and self.own:
                self.state.doubt()
        elif name in BUILTINS:
            self._builtin(name, rest)
        else:
            self._start(name, rest, Role.COMMAND, demanded=False)

    # Programs

    def _start(self, name: str, rest: tuple[Word, ...], role: Role, *, demanded: bool) -> None:
        context = self._inner(demanded=demanded)
        arguments = self._expanded(rest)
        if is_wrapper(basename(name)):
            self._wrapped(basename(name), rest, arguments, context)
            arguments = ()
        self.starter.start(Call(name, arguments, context, self.origin, role, demanded))
        self._note_effects(basename(name), rest)

    def _inner(self, *, demanded: bool) -> Context:
        search, known = self.state.search, self.state.path_known
        for assignment in self.step.assignments:
            if assignment.name == "PATH":
                entries, whole = path_value(assignment.value, search.entries)
                search, known = replace(search, entries=entries), known and whole and not assignment.append
        return replace(
            self.context,
            search=search,
            path_known=known,
            directory_known=self.state.directory_known,
            reached=self.certain,
            vital=demanded,
            arguments=None,
        )

    def _expanded(self, words: tuple[Word, ...]) -> tuple[Argument, ...]:
        """The values of words, `"$@"` by what is known of it."""
        values: list[Argument] = []
        for word in words:
            if is_all_arguments(word) and self.state.arguments is not None:
                values.extend(self.state.arguments)
            else:
                values.append(word.literal)
        return tuple(values)

    def _wrapped(self, name: str, words: tuple[Word, ...], arguments: tuple[Argument, ...], context: Context) -> None:
        """Start what a wrapper starts, here where its words are at hand."""
        if len(words) != len(arguments):
            return
        values = tuple(self._value_or_hint(word, value) for word, value in zip(words, arguments, strict=True))
        index = wrapped(name, values, [is_assignment(word) for word in words])
        if index is None:
            return
        inner = context
        emptied = name == "env" and any(value in ("-", "-i", "--ignore-environment") for value in values[:index])
        if emptied or name == "sudo":  # sudo has its secure_path
            inner = replace(inner, path_known=False)
        for word in words[:index]:
            if word.raw.startswith("PATH="):
                entries, whole = path_value(_value_after(word, "PATH="), context.search.entries)
                search = replace(inner.search, entries=entries)
                inner = replace(inner, search=search, path_known=whole and context.path_known)
        target = values[index] or ""
        self.starter.start(Call(target, values[index + 1 :], inner, self.origin, Role.COMMAND))

    def _value_or_hint(self, word: Word, value: Argument) -> Argument:
        names = possible_names(word, self.state.hints) if value is None else ()
        return names[0] if names else value

    def _unknown_word(self, words: tuple[Word, ...], role: Role) -> None:
        """The first word isn't literal: what may be told of it is looked at, and never missed."""
        rest = self._expanded(words[1:])
        names = possible_names(words[0], self.state.hints)
        if is_all_arguments(words[0]) and self.state.arguments:
            names = tuple(argument for argument in self.state.arguments[:1] if argument)
            rest = (*self.state.arguments[1:], *rest)
        for name in names:
            if lookup(self.starter.tree, name, self.state.search).path is not None:
                context = self._inner(demanded=False)
                self.starter.start(Call(name, rest, context, self.origin, role))

    # Builtins

    def _builtin(self, name: str, rest: tuple[Word, ...]) -> None:
        match name:
            case "exec":
                self._exec(rest)
            case "." | "source":
                self._source(rest)
            case "command" | "builtin":
                self._plain_command(rest)
            case "cd" | "chdir" | "pushd" | "popd":
                target = rest[0].literal if len(rest) == 1 and name != "popd" else None
                self.state.change_directory(target, certain=self.settled)
            case "export" | "declare" | "typeset" | "readonly" | "local":
                self._declare(rest)
            case "unset":
                self.state.path_known = self.state.path_known and all(word.literal != "PATH" for word in rest)
            case "exit" | "return":
                self._leave(name)
            case "eval":
                self.state.path_known = False
                self.state.doubt()
            case "alias":
                self.state.functions |= {word.raw.partition("=")[0] for word in rest}
            case "set" | "shift":
                self._positional(name, rest)
            case "trap":
                self._trap(rest)

    def _positional(self, name: str, rest: tuple[Word, ...]) -> None:
        """`set -- …` and `shift` change the positional parameters; `set -e` doesn't."""
        options_only = name == "set" and all((word.literal or "").startswith(("-", "+")) for word in rest)
        if not options_only or any(word.literal == "--" for word in rest):
            self.state.arguments = None

    def _trap(self, rest: tuple[Word, ...]) -> None:
        """What a trap on EXIT hands over to, it does so also where an `exec` has failed."""
        action = rest[0].literal if rest else ""
        if action is None or "exec" in action:
            self.state.doubt()

    def _source(self, rest: tuple[Word, ...]) -> None:
        if not rest:
            return
        if self.step.own_process:
            certain = self.step.certain and self.state.certain
            self.starter.source(rest[0], self.state, self.context, self.origin, certain=certain)
            return
        copy = replace(self.state)
        self.starter.source(rest[0], copy, replace(self.context, vital=False), self.origin, certain=False)

    def _plain_command(self, rest: tuple[Word, ...]) -> None:
        """`command NAME …` passes over functions; with -v and -V it starts nothing."""
        while rest and (rest[0].literal or "").startswith("-"):
            if rest[0].literal not in ("-p", "--"):
                return
            rest = rest[1:]
        name = rest[0].literal if rest else None
        if name == "exec":
            self._exec(rest[1:])
        elif name is not None and name not in BUILTINS:
            self._start(name, rest[1:], Role.COMMAND, demanded=False)

    def _declare(self, words: tuple[Word, ...]) -> None:
        for word in words:
            name, equals, _ = word.raw.partition("=")
            if equals and is_assignment(word):
                self._assign(name, _value_after(word, name + "="))

    def _leave(self, name: str) -> None:
        if not self.own:
            return
        failing = _fails(self.step)
        if name == "return":
            self.state.leave_file(certain=self.settled)
        elif self.settled:
            self.state.end()
        elif not failing:
            self.state.doubt()

    def _exec(self, rest: tuple[Word, ...]) -> None:
        """`exec`: with redirections alone it starts nothing; else the program takes the script's place."""
        plain = True
        called: Word | None = None
        while rest and (rest[0].literal or "").startswith("-"):
            option, rest = rest[0].literal, rest[1:]
            if option == "--":
                break
            plain = plain and self.context.shell == "bash"  # its own; to dash they are no options
            if option == "-a":
                called, rest = rest[0] if rest else None, rest[1:]
        if not rest:
            return
        name = rest[0].literal
        demanded = plain and self.own and self.certain and self.context.vital and name not in BUILTINS
        self._record_exec(rest, called or rest[0], certain=demanded and name is not None)
        if name is None:
            if self.context.vital:
                self.findings.unknown(f"hands over to {rest[0].raw}, which only the run time knows", self.origin)
            self._unknown_word(rest, Role.HANDOVER)
        else:
            self._start(name, rest[1:], Role.HANDOVER, demanded=demanded)
        if self.own and self.settled and (name is not None or _never_empty(rest[0])):
            self.state.end()
        elif self.own:
            self.state.doubt()

    def _record_exec(self, words: tuple[Word, ...], called: Word, *, certain: bool) -> None:
        """Keep what takes the place of the process that was asked for, or may: one entry for each possible program."""
        if not (self.context.vital and self.step.own_process):
            return
        arguments = self._expanded(words[1:])
        name = words[0].literal
        written = words[0].raw
        search = self._inner(demanded=False).search
        names: tuple[str | None, ...] = (name,)
        if name is None:
            names = possible_names(words[0], self.state.hints) or (None,)
        for each in names:
            self.findings.execs.append(Exec(written, each, called.literal, arguments, search, self.origin, certain))

    # What commands do to files

    def _note_effects(self, program: str, rest: tuple[Word, ...]) -> None:
        values = [word.literal for word in rest]
        literals = [value for value in values if value and not value.startswith("-")]
        paths = {self._absolute(literal) for literal in literals}
        if program in PACKAGE_MANAGERS and {"install", "add", "-i", "-U", "-S"} & set(values):
            self.findings.installs = True
        if program in PERMISSION_CHANGERS:
            self.findings.permitted |= {*literals, *paths}
        if program in ("rm", "rmdir", "mv", "unlink", "touch"):
            self._removes(rest[:-1] if program == "mv" else rest)
        if program in ("cp", "mv", "ln"):
            self._places(rest)
        if program in UNPACKERS:
            self.findings.filled |= paths - {"/"}
        if program not in INSPECTORS and not is_wrapper(program):
            self.findings.made |= {*literals, *paths}

    def _removes(self, rest: tuple[Word, ...]) -> None:
        for word in rest:
            literal = word.literal
            folder = literal_folder(word) if literal is None else None
            if literal and not literal.startswith("-"):
                self.findings.removed.add(self._absolute(literal))
            elif folder:
                self.findings.removed.add(self._absolute(folder) + "/*")

    def _places(self, rest: tuple[Word, ...]) -> None:
        operands = [word for word in rest if not word.raw.startswith("-")]
        if len(operands) < 2:
            return
        last = operands[-1].literal
        target = last or literal_folder(operands[-1])
        if target is None:
            return
        sources = tuple(self._absolute(word.literal) for word in operands[:-1] if word.literal)
        folders = (literal_folder(word) for word in operands[:-1] if word.literal is None)
        any_of = tuple(self._absolute(folder) for folder in folders if folder)
        certain = self.certain and last is not None
        self.findings.placements.append(Placement(sources, any_of, self._absolute(target), certain))


def _never_empty(word: Word) -> bool:
    """The word stays one, whatever the run time makes of it: a part of it is literal, or quoted (`"$@"` apart)."""
    return not is_all_arguments(word) and any(part.quoted or part.kind is PartKind.LITERAL for part in word.expanded)


def _value_after(word: Word, prefix: str) -> Word:
    """The word without the literal text that it begins with."""
    first, *others = word.parts
    parts: tuple[Part, ...] = (replace(first, text=first.text.removeprefix(prefix)), *others)
    return Word(word.raw.removeprefix(prefix), parts)
