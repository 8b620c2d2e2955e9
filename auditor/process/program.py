"""What the kernel makes of a file that is to be started: which kind it is, which interpreters it needs, what fails.

Whether an ELF program then loads is for the loader's rules to say, not for these.
"""

from msgspec import Struct
from msgspec.structs import replace

from auditor.filetree import FileTree, Node
from auditor.process.model import LaunchFault, Lookup, ProgramKind
from auditor.process.path import SearchPath, absolute, lookup, usable
from auditor.process.shebang import HEAD, Shebang, parse_shebang

MAX_HOPS = 8
"""How often `#!/usr/bin/env` is followed before it is given up (such lines can form a circle)."""

SHELLS = frozenset(("sh", "ash", "bash", "dash", "ksh", "ksh93", "mksh", "oksh", "zsh", "yash", "posh"))
"""Programs that take the scripts that are read here."""

FOREIGN = "other"
"""A shell (ksh, zsh, yash) whose own grammar isn't known here."""

MAX_SCRIPTS = 5
"""Scripts whose interpreters are scripts nest this deep; one more is ELOOP (fs/exec.c)."""


class Fault(Struct, frozen=True):
    """Why a start fails: `path` is the file concerned, `message` one sentence without its end."""

    kind: LaunchFault
    path: str
    message: str


class Program(Struct, frozen=True):
    """One file as execve(2) sees it, and the chain of interpreters behind it, in order.

    `target` is what a `#!/usr/bin/env NAME` looks up; what it finds is the last of the interpreters.
    `remarks` say what can't be told.
    """

    path: str
    real_path: str
    kind: ProgramKind
    shebang: Shebang | None = None
    interpreters: tuple["Program", ...] = ()
    target: Lookup | None = None
    fault: Fault | None = None
    remarks: tuple[str, ...] = ()


def program_at(tree: FileTree, path: str, search: SearchPath) -> Program:
    """Look at the file that `path` leads to as the kernel would. `search` is PATH and working directory at that time.

    `#!/usr/bin/env NAME` is followed to NAME on PATH, which is what such a line is written for.
    """
    return _program(tree, path, search, depth=0, hops=0)


def basename(path: str) -> str:
    """The last component."""
    return path.rpartition("/")[2]


def is_shell(name: str) -> bool:
    """A program of this name (or path) reads shell scripts."""
    return basename(name) in SHELLS


def dialect(real_path: str) -> str:
    """Which language the shell behind all links reads: `bash`, `dash`, `ash` (busybox's), "" where that isn't known.

    `FOREIGN` is a language of its own.
    """
    name = basename(real_path)
    if name in ("bash", "dash", "ash"):
        return name
    return {"busybox": "ash", "sh": ""}.get(name, FOREIGN)


def kind_of(node: Node) -> tuple[ProgramKind, Shebang | None]:
    """What a regular file's first bytes say it is."""
    if node.size == 0:
        return ProgramKind.EMPTY, None
    if node.content is None:
        return ProgramKind.UNKNOWN, None
    head = node.content.read(0, HEAD)
    if head.startswith(b"\x7fELF"):
        return ProgramKind.ELF, None
    shebang = parse_shebang(head)
    if shebang is not None:
        return ProgramKind.SCRIPT, shebang
    first_line = head.split(b"\n", 1)[0]
    return (ProgramKind.DATA if b"\0" in first_line else ProgramKind.TEXT), None


def _program(tree: FileTree, path: str, search: SearchPath, depth: int, hops: int) -> Program:
    place = absolute(path, search.working_dir)
    found = tree.find(place)
    unusable = usable(found.node)
    if found.node is None or unusable is not None:
        kind = unusable or LaunchFault.MISSING
        dangling = kind is LaunchFault.MISSING and tree.lstat(place) is not None
        words = f"is a dangling link (to {found.path})" if dangling else _WORDS[kind]
        return Program(place, found.path, ProgramKind.DATA, fault=Fault(kind, place, f"{place} {words}"))
    program_kind, shebang = kind_of(found.node)
    if shebang is not None:
        return _script(tree, Program(place, found.path, program_kind, shebang), search, depth, hops)
    remarks = (f"{place}: its bytes are not at hand",) if program_kind is ProgramKind.UNKNOWN else ()
    fault = _format_fault(place, program_kind, found.node)
    return Program(place, found.path, program_kind, fault=fault, remarks=remarks)


_WORDS = {
    LaunchFault.MISSING: "is not in the image",
    LaunchFault.NOT_EXECUTABLE: "is not an executable file",
}


def _format_fault(path: str, kind: ProgramKind, node: Node) -> Fault | None:
    match kind:
        case ProgramKind.EMPTY:
            return Fault(LaunchFault.EMPTY, path, f"{path} is empty (exec format error)")
        case ProgramKind.ELF | ProgramKind.SCRIPT | ProgramKind.UNKNOWN:
            return None
    head = node.content.read(0, HEAD) if node.content is not None else b""
    if head.startswith(b"\xef\xbb\xbf#!"):
        why = "has a byte-order mark before its #! line"
    elif head.startswith(b"#!"):
        why = "has a #! line without a usable interpreter"
    elif kind is ProgramKind.DATA:
        why = "is neither an ELF program nor a script"
    else:
        why = "is a text without a #! line"
    return Fault(LaunchFault.NOT_A_PROGRAM, path, f"{path} {why} (exec format error)")


def _script(tree: FileTree, program: Program, search: SearchPath, depth: int, hops: int) -> Program:
    shebang = program.shebang
    assert shebang is not None
    if depth >= MAX_SCRIPTS:
        message = f"{program.path} is the sixth script in a row to be interpreted by a script"
        return replace(program, fault=Fault(LaunchFault.NESTED, program.path, message))
    interpreter = _program(tree, shebang.interpreter, search, depth + 1, hops)
    if interpreter.fault is not None:
        return replace(program, fault=_interpreter_fault(program, shebang, interpreter, interpreter.fault))
    chained = replace(program, interpreters=(interpreter, *interpreter.interpreters))
    if shebang.carriage_return:
        return _with_return(chained, shebang)
    return _through_env(tree, chained, shebang, search, hops)


def _interpreter_fault(program: Program, shebang: Shebang, interpreter: Program, fault: Fault) -> Fault:
    if fault.kind is LaunchFault.NESTED:
        return fault
    if shebang.carriage_return and shebang.argument is None:
        message = f"{program.path} has a #! line that ends in CR LF: the kernel looks for {shebang.interpreter!r}"
        return Fault(LaunchFault.CARRIAGE_RETURN, interpreter.path, message)
    if interpreter.kind is ProgramKind.SCRIPT:
        return fault  # the interpreter is a script that itself can't start: that is the news
    missing = fault.kind is LaunchFault.MISSING
    kind = LaunchFault.INTERPRETER_MISSING if missing else LaunchFault.INTERPRETER_UNUSABLE
    return Fault(kind, interpreter.path, f"the interpreter of {program.path} can't be started: {fault.message}")


def _with_return(program: Program, shebang: Shebang) -> Program:
    """A CR in the argument: shells and env(1) refuse it; others may not mind."""
    message = f"{program.path} has a #! line that ends in CR LF: {shebang.interpreter} is given {shebang.argument!r}"
    if is_shell(shebang.interpreter) or basename(shebang.interpreter) == "env":
        return replace(program, fault=Fault(LaunchFault.CARRIAGE_RETURN, program.path, message))
    return replace(program, remarks=(message,))


def _through_env(tree: FileTree, program: Program, shebang: Shebang, search: SearchPath, hops: int) -> Program:
    if basename(shebang.interpreter) != "env" or shebang.argument is None:
        return program
    name = env_target(shebang.argument)
    if name is None or hops >= MAX_HOPS:
        return replace(program, remarks=(f"what `{shebang.interpreter} {shebang.argument}` starts can't be told",))
    target = lookup(tree, name, search)
    if target.path is None:
        kind = LaunchFault.INTERPRETER_UNUSABLE if target.passed_over else LaunchFault.INTERPRETER_MISSING
        place = target.passed_over[0][0] if target.passed_over else name
        fault = Fault(kind, place, f"{program.path} is for {name!r}, which {shebang.interpreter} doesn't find on PATH")
        return replace(program, target=target, fault=fault)
    found = _program(tree, target.path, search, 0, hops + 1)
    if found.fault is not None and found.kind is not ProgramKind.TEXT:  # env starts a text as a shell would
        message = f"the interpreter of {program.path} can't be started: {found.fault.message}"
        return replace(program, target=target, fault=Fault(LaunchFault.INTERPRETER_UNUSABLE, found.path, message))
    return replace(program, target=target, interpreters=(*program.interpreters, found, *found.interpreters))


def env_target(argument: str) -> str | None:
    """The program that `#!/usr/bin/env ARGUMENT` looks up on PATH, None where it can't be told.

    Without -S, the whole argument is one name, blanks and all. With `-S` (or `-vS`, `--split-string`) it is split at
    blanks; quotes, backslashes, variables, assignments and further options make it unknown.
    """
    for option in ("-S", "-vS", "--split-string="):
        if not argument.startswith(option):
            continue
        words = argument.removeprefix(option).split()
        if not words or words[0].startswith("-") or any(mark in words[0] for mark in "=\\'\"$#"):
            return None
        return words[0]
    if argument.startswith("-") or "=" in argument:
        return None
    return argument
