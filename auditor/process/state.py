"""What is known of a process while its script is read: PATH, the working directory, how sure it all is."""

import enum

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.process.model import Origin, Role
from auditor.process.path import SearchPath, absolute
from auditor.process.shell.syntax import PartKind, Word


class Flow(enum.Enum):
    """Whether the script's next command is reached."""

    CERTAIN = "certain"
    UNCERTAIN = "uncertain"  # it may have handed over, or left, before
    ENDED = "ended"


class Context(Struct, frozen=True):
    """How a script comes to be run. `reached`: for certain; `vital`: what it hands over to is what was asked for.

    `arguments` are its positional parameters, None where they aren't known; one of them is None where its value
    isn't. `shell` is the dialect of who reads it (`program.dialect`).
    """

    search: SearchPath
    path_known: bool = True
    directory_known: bool = True
    reached: bool = True
    vital: bool = True
    arguments: tuple[str | None, ...] | None = None
    depth: int = 0
    shell: str = ""


class Call(Struct, frozen=True):
    """The start of one program, by name or path. `demanded`: if it can't be started, that is a problem."""

    word: str
    arguments: tuple[str | None, ...]
    context: Context
    origin: Origin
    role: Role
    demanded: bool = False


class State(Struct):
    """A running shell, as far as its text tells. Assignments that may or may not happen make things unknown."""

    search: SearchPath
    path_known: bool = True
    directory_known: bool = True
    arguments: tuple[str | None, ...] | None = None
    flow: Flow = Flow.CERTAIN
    file_flow: Flow = Flow.CERTAIN  # the same for the file that is being read, which `return` leaves
    functions: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)  # functions that may hand over or leave
    hints: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what a variable may name, by which(1) or so

    def change_path(self, value: Word, *, certain: bool, append: bool = False) -> None:
        """PATH is assigned: entries that can't be told are left out, and PATH is then no longer known."""
        entries, known = path_value(value, self.search.entries)
        if append:
            entries = (*self.search.entries, *entries)
        if not certain:
            entries = (*self.search.entries, *(entry for entry in entries if entry not in self.search.entries))
        self.search = replace(self.search, entries=entries)
        self.path_known = self.path_known and known and certain and not append

    def change_directory(self, target: str | None, *, certain: bool) -> None:
        """`cd`: after one that may not happen, or whose target isn't told, relative names lead nowhere known."""
        if target is None or not certain or (not target.startswith("/") and not self.directory_known):
            self.directory_known = False
            return
        self.search = replace(self.search, working_dir=absolute(target, self.search.working_dir))
        self.directory_known = self.directory_known or target.startswith("/")

    @property
    def certain(self) -> bool:
        """The next command is reached."""
        return self.flow is Flow.CERTAIN and self.file_flow is Flow.CERTAIN

    @property
    def ended(self) -> bool:
        """It is not."""
        return Flow.ENDED in (self.flow, self.file_flow)

    def doubt(self) -> None:
        """From here on it isn't certain that the script goes on."""
        if self.flow is Flow.CERTAIN:
            self.flow = Flow.UNCERTAIN

    def end(self) -> None:
        """The script hands over, or leaves: where it gets here, it gets no further."""
        self.flow = Flow.ENDED

    def leave_file(self, *, certain: bool) -> None:
        """`return` outside of functions."""
        if certain:
            self.file_flow = Flow.ENDED
        elif self.file_flow is Flow.CERTAIN:
            self.file_flow = Flow.UNCERTAIN


def path_value(value: Word, current: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """The entries of a value of PATH in which `$PATH` stands for `current`, and whether that is all of them."""
    text: list[str] = []
    known = True
    for part in value.parts:
        if part.kind is PartKind.LITERAL:
            text.append(part.text)
        elif part.kind is PartKind.PARAMETER and part.text == "PATH":
            text.append(":".join(current))
        else:
            text.append("\0")
            known = False
    entries = "".join(text).split(":")
    if known:
        return tuple(entries), True
    kept = tuple(entry for entry in entries if "\0" not in entry)
    return (*kept, *(entry for entry in current if entry not in kept)), False
