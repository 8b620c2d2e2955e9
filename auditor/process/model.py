"""What a container runtime would start, as plain values."""

import enum

from msgspec import Struct

from auditor.filetree import Node


class LaunchFault(enum.StrEnum):
    """Why something can't be started (the kernel's own error in execve(2), where it has one)."""

    MISSING = "missing"  # ENOENT: nothing of that name
    NOT_EXECUTABLE = "not-executable"  # EACCES: no x bit, or not a regular file
    EMPTY = "empty"  # ENOEXEC: no bytes at all
    NOT_A_PROGRAM = "not-a-program"  # ENOEXEC: neither ELF nor a usable `#!` line
    INTERPRETER_MISSING = "interpreter-missing"  # ENOENT, of what the `#!` line names
    INTERPRETER_UNUSABLE = "interpreter-unusable"  # the same, but there is something: no x bit, text, a directory
    CARRIAGE_RETURN = "carriage-return"  # the `#!` line ends in CR LF
    NESTED = "nested"  # ELOOP: scripts that interpret scripts, more than five deep
    WORKING_DIRECTORY = "working-directory"  # ENOTDIR
    SYNTAX = "syntax"  # the shell refuses to read it


class ProgramKind(enum.StrEnum):
    """What the kernel takes a file for."""

    ELF = "elf"
    SCRIPT = "script"  # with a `#!` line
    TEXT = "text"  # without one: only a shell runs it
    EMPTY = "empty"
    DATA = "data"  # binary, and no ELF
    UNKNOWN = "unknown"  # its bytes are not at hand


class Role(enum.StrEnum):
    """In which part something is started."""

    ENTRYPOINT = "entrypoint"  # by the runtime, from Entrypoint and Cmd
    INTERPRETER = "interpreter"  # for a `#!` line
    HANDOVER = "hand-over"  # by `exec` in a script: it takes the script's place
    COMMAND = "command"  # by a script, as one of its commands
    SOURCED = "sourced"  # read by a script with `.` or `source`
    SERVICE = "service"  # by a supervisor, from a service directory


class Origin(Struct, frozen=True):
    """What asks for the start: a line of a script, or the image config (then `path` is "" and `line` 0)."""

    path: str  # real path of the script
    line: int
    text: str  # the command as it is written there

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}" if self.path else "the image's Entrypoint and Cmd"


class Start(Struct, frozen=True):
    """Something in the image that would, or may, be started.

    `certain`: on every way through the scripts. `path` is the name by which it is found, `real_path` the file
    behind all links.
    """

    word: str
    path: str
    real_path: str
    kind: ProgramKind
    role: Role
    origin: Origin
    certain: bool


class LaunchProblem(Struct, frozen=True):
    """Something that would be started for certain, and can't be. `path` is what was looked for or found unusable.

    Not `sure`: a script that no shell reads, but which shell would, or whether it comes to that, isn't known.
    """

    fault: LaunchFault
    word: str
    path: str
    message: str  # one sentence
    origin: Origin
    sure: bool = True


class LaunchUnknown(Struct, frozen=True):
    """Something that the files alone don't tell, or that may be a fault: worth a note, no more.

    `unread`: the script that is started can't be read, so that it isn't known whether its shell would.
    """

    message: str
    origin: Origin
    unread: bool = False


class Launch(Struct, frozen=True):
    """All that comes of starting one image with its own Entrypoint and Cmd (`argv`, empty where it has none)."""

    argv: tuple[str, ...]
    starts: tuple[Start, ...] = ()
    problems: tuple[LaunchProblem, ...] = ()
    unknowns: tuple[LaunchUnknown, ...] = ()

    @property
    def programs(self) -> tuple[Start, ...]:
        """The ELF files that would or may be started, each real path once, in the order of discovery."""
        first: dict[str, Start] = {}
        for start in self.starts:
            if start.kind is ProgramKind.ELF:
                first.setdefault(start.real_path, start)
        return tuple(first.values())


class Executable(Struct, frozen=True):
    """One executable file that PATH reaches, with all the names that lead to it, in PATH's order."""

    real_path: str
    node: Node
    names: tuple[str, ...]  # absolute paths: a PATH entry joined with a file name


class Lookup(Struct, frozen=True):
    """Where a name leads. `path` is as execvp(3) would try it, None where no entry has a usable file.

    `passed_over` are earlier entries that hold something of the name that can't be executed, with the reason.
    """

    name: str
    path: str | None
    real_path: str = ""
    node: Node | None = None
    passed_over: tuple[tuple[str, LaunchFault], ...] = ()
