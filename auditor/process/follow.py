"""What is started from one start on: programs are looked up in the image, and scripts are followed.

Only an unconditional `exec` with a literal first word, in the process that was asked for, is a hand-over whose
failure is a problem. Everything else that is absent or can't be told is a remark.
"""

import re

from msgspec.structs import replace

from auditor.budget import Allowance
from auditor.filetree import FileKind, FileTree, read_file
from auditor.process.findings import Findings
from auditor.process.line import Line, may_leave
from auditor.process.model import LaunchFault, LaunchProblem, Lookup, Origin, ProgramKind, Role, Start
from auditor.process.path import SearchPath, absolute, lookup
from auditor.process.program import FOREIGN, Fault, Program, basename, dialect, is_shell, program_at
from auditor.process.shell.builtins import BUILTINS
from auditor.process.shell.grammar import read_script
from auditor.process.shell.invocation import Invocation, read_invocation
from auditor.process.shell.syntax import Script, ShellSyntaxError, Step, Word
from auditor.process.state import Call, Context, Flow, State
from auditor.process.supervisors import supervision
from auditor.process.wrappers import TRANSPARENT, Argument, wrapped

SCRIPT_LIMIT = 1 << 18  # bytes; the largest honest ones are a fifth of it
TOTAL_LIMIT = 1 << 21  # bytes of all scripts of one image
MAX_DEPTH = 12  # scripts that start scripts
MAX_SCRIPTS = 500  # of one image
_PROGRAM_LIMIT = 1 << 25  # bytes of a shell that is searched for an applet's name
MAX_STEPS = 50_000  # commands of all scripts of one image, each as often as it is come to
_TEXT = 200  # characters of a command that are quoted
_HANDS_OVER = re.compile(r"^[ \t]*exec[ \t]+(/[\w/.+-]+)(?=[\s;]|\Z)", re.MULTILINE)


class Follower:
    """Follows starts through one image, and gathers what it finds. Bytes of scripts that are read and commands that are
    come to draw from `steps`, if it is given: LimitExceeded past it.
    """

    def __init__(self, tree: FileTree, steps: Allowance | None = None) -> None:
        self.tree = tree
        self._allowance = steps
        self.findings = Findings()
        self._seen: set[tuple[str, str, bool, SearchPath, tuple[Argument, ...] | None]] = set()
        self._scripts: dict[tuple[str, str], Script] = {}
        self._steps = 0
        self._bytes = 0

    # Programs

    def start(self, call: Call) -> None:
        """Something is started by name, by a shell or execvp(3)."""
        found = lookup(self.tree, call.word, call.context.search)
        if found.path is None:
            self._absent(found, call)
            return
        program = program_at(self.tree, found.path, call.context.search)
        fault = program.fault
        if fault is not None and program.kind is not ProgramKind.TEXT:
            # A shell takes an empty file for a script that does nothing; what else there is, it can't run.
            certain = call.demanded and program.kind is not ProgramKind.DATA
            self._faulty(call, program, fault, demanded=certain, reached=call.context.reached)
            return
        self._enter(call, program)

    def execute(self, call: Call) -> None:
        """Something is started by path with execve(2) itself, which takes no text without `#!`."""
        program = program_at(self.tree, call.word, call.context.search)
        if program.fault is not None:
            self._faulty(call, program, program.fault, demanded=call.demanded, reached=True)
            return
        self._enter(call, program)

    def _faulty(self, call: Call, program: Program, fault: Fault, *, demanded: bool, reached: bool) -> None:
        if demanded:
            problem = LaunchProblem(fault.kind, call.word, program.path, fault.message, call.origin)
            self.findings.problems[problem] = None
        elif reached:
            self.findings.unknown(fault.message, call.origin)

    def _absent(self, found: Lookup, call: Call) -> None:
        origin, role = call.origin, call.role
        excuse = self._excuse(found, call.context, origin)
        if call.demanded and excuse is None:
            fault = found.passed_over[0][1] if found.passed_over else LaunchFault.MISSING
            place = found.passed_over[0][0] if found.passed_over else found.name
            message = f"{_action(origin, role)} {found.name!r}, which {_where(found)}"
            self.findings.problems[LaunchProblem(fault, found.name, place, message, origin)] = None
        elif call.context.reached or role is Role.HANDOVER:
            message = f"{found.name!r} {_where(found)}"
            self.findings.unknown(f"{message}; {excuse}" if excuse else message, origin)

    def _excuse(self, found: Lookup, context: Context, origin: Origin) -> str | None:
        """Why a program that isn't there, or not usable, may be so at run time all the same."""
        name = found.name
        if "/" not in name and not context.path_known:
            return "PATH is not known there"
        if "/" in name and not name.startswith("/") and not context.directory_known:
            return "the working directory is not known there"
        if self.findings.installs:
            return "packages are installed before"
        search = context.search
        places = {absolute(name, search.working_dir)} if "/" in name else {f"{at}/{name}" for at in search.directories}
        if (places | {name, basename(name)}) & self.findings.made:
            return "an earlier command names it, and may make it"
        if any(place.startswith(filled + "/") for place in places for filled in self.findings.filled):
            return "an earlier command fills its directory"
        if ({name} | {path for path, _ in found.passed_over}) & self.findings.permitted and found.passed_over:
            return "an earlier command changes its permissions"
        if "/" not in name and self._built_in(name, origin):
            return "the shell may have it built in"
        return None

    def _built_in(self, name: str, origin: Origin) -> bool:
        """A busybox shell may start its own applets without looking at PATH."""
        if not origin.path:
            return False
        interpreters = program_at(self.tree, origin.path, SearchPath(())).interpreters
        shell = self.tree.find("/bin/sh") if not interpreters else self.tree.find(interpreters[-1].path)
        if shell.node is None or "busybox" not in basename(shell.path):
            return False
        data = read_file(self.tree, shell.path, _PROGRAM_LIMIT)
        return data is not None and b"\0" + name.encode("utf-8", "surrogateescape") + b"\0" in data

    # Where a start leads

    def _enter(self, call: Call, program: Program) -> None:
        word, arguments, context, origin = call.word, call.arguments, call.context, call.origin
        for part in (program, *program.interpreters):
            role = call.role if part is program else Role.INTERPRETER
            start = Start(word, part.path, part.real_path, part.kind, role, origin, context.reached)
            self.findings.starts[start] = None
        if context.depth >= MAX_DEPTH:
            self.findings.unknown("scripts that start scripts go too deep to be followed", origin)
            return
        inner = replace(context, depth=context.depth + 1, vital=call.demanded)
        for remark in program.remarks:
            self.findings.unknown(remark, origin)
        if program.kind is ProgramKind.ELF:
            inner = replace(inner, shell=dialect(program.real_path))
            self._run_program(basename(word), arguments, inner, origin)
        elif is_shell_script(program):
            shell = dialect(program.interpreters[-1].real_path) if program.interpreters else ""
            self.script(program.real_path, replace(inner, arguments=arguments, shell=shell))
        elif call.demanded and program.kind is ProgramKind.SCRIPT:
            interpreter = program.interpreters[-1].path if program.interpreters else "an unknown interpreter"
            self.findings.unknown(f"{program.path} is a script for {interpreter}: what it starts is not told", origin)

    def _run_program(self, name: str, arguments: tuple[Argument, ...], context: Context, origin: Origin) -> None:
        if name == "busybox" and arguments and arguments[0]:
            name, arguments = arguments[0], arguments[1:]
        if is_shell(name):
            self._shell(name, arguments, context, origin)
            return
        supervised = supervision(name, arguments, context.search.working_dir)
        if supervised is not None:
            self.findings.supervisions.append((supervised, origin, context))
            return
        index = wrapped(name, arguments)
        if index is None:
            return
        inner = arguments[index]
        assert inner is not None
        plain = name != "env" or not any((word or "-").startswith(("-", "PATH=")) for word in arguments[:index])
        # In scripts, only the first word of an `exec` counts; Entrypoint and Cmd are all there is.
        demanded = context.vital and plain and name in TRANSPARENT and not origin.path
        context = replace(context, path_known=context.path_known and plain)
        role = Role.ENTRYPOINT if demanded else Role.COMMAND
        self.start(Call(inner, arguments[index + 1 :], context, origin, role, demanded))

    def _shell(self, name: str, arguments: tuple[Argument, ...], context: Context, origin: Origin) -> None:
        invocation = read_invocation(arguments)
        if invocation is None:
            return
        if invocation.login:  # it reads /etc/profile first, which sets PATH as a rule
            context = replace(context, path_known=False)
        context = replace(context, arguments=invocation.arguments)
        if invocation.is_text:
            self._text(invocation.operand, context, origin)
        else:
            self._script_operand(name, invocation, context, origin)

    def _script_operand(self, shell: str, invocation: Invocation, context: Context, origin: Origin) -> None:
        """`sh FILE`: from the working directory, else from PATH where it has no slash (sh(1p), OPERANDS)."""
        operand = invocation.operand
        place = absolute(operand, context.search.working_dir)
        found = self.tree.find(place)
        if found.node is None and "/" not in operand:
            on_path = lookup(self.tree, operand, context.search)
            found = self.tree.find(on_path.path) if on_path.path else found
        if found.node is not None and found.node.kind is FileKind.REGULAR:
            self.script(found.path, context)
            return
        known = operand.startswith("/") or context.directory_known
        excuse = self._excuse(Lookup(place, None), context, origin) if known else "the working directory is not known"
        if context.vital and excuse is None and found.node is None:
            giving = ", gives" if origin.path else " give"
            message = f"{origin}{giving} {shell} the script {operand!r}, which is not in the image"
            problem = LaunchProblem(LaunchFault.MISSING, operand, place, message, origin)
            self.findings.problems[problem] = None
        elif context.reached:
            self.findings.unknown(f"{shell} is given the script {operand!r}, which is no file in the image", origin)

    def _text(self, text: str, context: Context, origin: Origin) -> None:
        """A script in a string. As Entrypoint or Cmd, one simple command and nothing else is what they start."""
        script = read_script(text, context.shell, origin.line or 1)
        only = _only_command(script)
        name = only.words[0].literal if only is not None else None
        if only is not None and name is not None and name not in BUILTINS and context.vital and not origin.path:
            arguments = tuple(word.literal for word in only.words[1:])
            self.start(Call(name, arguments, context, origin, Role.ENTRYPOINT, demanded=True))
            return
        self._run(script, context, origin.path, origin)

    # Scripts

    def script(self, real_path: str, context: Context) -> None:
        """A shell script in a file."""
        key = (real_path, context.shell, context.reached and context.vital, context.search, context.arguments)
        if key in self._seen or len(self._seen) >= MAX_SCRIPTS:
            return
        self._seen.add(key)
        script = self._read(real_path, context.shell)
        if script is not None:
            self._run(script, context, real_path, None)

    def _read(self, real_path: str, shell: str) -> Script | None:
        if (real_path, shell) not in self._scripts:
            data = read_file(self.tree, real_path, min(SCRIPT_LIMIT, TOTAL_LIMIT - self._bytes))
            if data is None:
                message = "the script is too large to be read, or its bytes are not at hand"
                self.findings.unknown(message, Origin(real_path, 1, ""))
                return None
            self._bytes += len(data)
            self._take(len(data), real_path)
            self._scripts[real_path, shell] = read_script(data.decode("utf-8", "surrogateescape"), shell)
        return self._scripts[real_path, shell]

    def _take(self, count: int, path: str) -> None:
        if self._allowance is not None:
            self._allowance.take(count, path or "the image's start")

    def _run(self, script: Script, context: Context, path: str, origin: Origin | None) -> None:
        state = State(context.search, context.path_known, context.directory_known, context.arguments)
        self._walk(script, state, context, path, origin)

    def _walk(self, script: Script, state: State, context: Context, path: str, origin: Origin | None) -> None:
        state.functions |= script.functions
        state.leaving |= {step.function for step in script.steps if step.function and may_leave(step)}
        for step in script.steps:
            self._steps += 1
            self._take(1, path)
            if state.ended:
                return
            if self._steps > MAX_STEPS:
                self.findings.unknown("the scripts have too many commands to be followed", Origin(path, 0, ""))
                return
            Line(self, step, state, context, origin or Origin(path, step.line, step.text[:_TEXT])).run()
        if script.error is not None and not state.ended:
            self._refused(script, script.error, state, context, origin or Origin(path, script.error.line, ""))

    def _refused(self, script: Script, error: ShellSyntaxError, state: State, context: Context, origin: Origin) -> None:
        """The shell stops at a line that it can't read; what stands before has been run."""
        if not error.sure or context.shell == FOREIGN:
            unread = context.vital and context.reached
            self.findings.unknown(f"the script can't be read: {error}", origin, unread=unread)
            self._unread(script.unread, state, context, origin)
            return
        where = f"{origin.path or 'the script in Entrypoint or Cmd'}, line {error.line},"
        verdict = f"is refused by {context.shell}" if context.shell else "is accepted by neither dash nor bash"
        message = f"{where} {verdict}: {error.message}"
        subject = origin.path or context.shell or "sh"
        sure = bool(context.shell) and context.reached and state.certain
        problem = LaunchProblem(LaunchFault.SYNTAX, subject, subject, message, origin, sure=sure)
        self.findings.problems[problem] = None

    def _unread(self, text: str, state: State, context: Context, origin: Origin) -> None:
        """What can't be read may hand over all the same: lines that look so are looked at, and never missed."""
        inner = replace(context, search=state.search, path_known=False, reached=False, vital=False, arguments=None)
        for match in _HANDS_OVER.finditer(text):
            if lookup(self.tree, match.group(1), state.search).path is not None:
                self.start(Call(match.group(1), (), inner, origin, Role.HANDOVER))

    def source(self, word: Word, state: State, context: Context, origin: Origin, *, certain: bool) -> None:
        """`. FILE`: its commands are the script's own (POSIX XCU 2.14, dot)."""
        literal = word.literal
        path = self._sourced(literal, state) if literal else None
        script = self._read(path, context.shell) if path and context.depth < MAX_DEPTH else None
        if path is None or script is None:
            # It may set PATH, whatever it is.
            state.path_known = False
            if path is None and certain:
                what = f"{literal!r} is no file in the image" if literal else f"{word.raw} is only known at run time"
                self.findings.unknown(f"a file is read as part of the script: {what}", origin)
            return
        inner = replace(context, depth=context.depth + 1, reached=context.reached and certain)
        kind = ProgramKind.TEXT
        start = Start(literal or word.raw, path, path, kind, Role.SOURCED, origin, certain and context.reached)
        self.findings.starts[start] = None
        self._walk_sourced(script, state, inner, path, certain=certain)

    def _walk_sourced(self, script: Script, state: State, context: Context, path: str, *, certain: bool) -> None:
        target = state if certain else replace(state, functions=set(state.functions), hints=dict(state.hints))
        outer = state.file_flow
        target.file_flow = Flow.CERTAIN
        self._walk(script, target, context, path, None)
        state.file_flow = outer
        if certain:
            return
        state.functions |= target.functions
        if target.flow is not Flow.CERTAIN:
            state.doubt()
        if target.search != state.search or not target.path_known:
            state.path_known = False
        state.directory_known = state.directory_known and target.search.working_dir == state.search.working_dir

    def _sourced(self, name: str, state: State) -> str | None:
        candidates = [absolute(name, state.search.working_dir)]
        if "/" not in name:
            candidates = [f"{directory.rstrip('/')}/{name}" for directory in state.search.directories] + candidates
        for candidate in candidates:
            found = self.tree.find(candidate)
            if found.node is not None and found.node.kind is FileKind.REGULAR:
                return found.path
        return None


def is_shell_script(program: Program) -> bool:
    """A text that shells run, or a script whose own `#!` line names a shell, by `env` or busybox too."""
    if program.kind is ProgramKind.TEXT:
        return True
    if program.shebang is None or not program.interpreters:
        return False
    if program.target is not None:
        return is_shell(program.target.name)
    name = basename(program.shebang.interpreter)
    if name in ("busybox", "with-contenv"):  # the latter is s6-overlay's, which sets the environment first
        name = (program.shebang.argument or "").partition(" ")[0]
    return is_shell(name)


def _action(origin: Origin, role: Role) -> str:
    if not origin.path:
        return f"{origin} start"
    return f"{origin}, {'hands over to' if role is Role.HANDOVER else 'starts'}"


def _where(found: Lookup) -> str:
    if found.passed_over:
        path, fault = found.passed_over[0]
        return f"is at {path}, {'a dangling link' if fault is LaunchFault.MISSING else 'not an executable file'}"
    return "is not in the image" if "/" in found.name else "is not found on PATH"


def _only_command(script: Script) -> Step | None:
    """The one command of a script that has no other, and is the shell's own."""
    if len(script.steps) != 1 or script.error is not None:
        return None
    step = script.steps[0]
    plain = step.certain and step.own_process and not step.function
    return step if plain and step.words and not step.assignments else None
