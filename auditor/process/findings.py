"""What is gathered while starts are followed through an image."""

from msgspec import Struct, field

from auditor.process.model import LaunchProblem, LaunchUnknown, Origin, Start
from auditor.process.path import SearchPath
from auditor.process.state import Context
from auditor.process.supervisors import Supervision
from auditor.process.wrappers import Argument


class Placement(Struct, frozen=True):
    """A script puts something into a directory: `sources` are paths, or folders of which some entry is meant."""

    sources: tuple[str, ...]
    any_of: tuple[str, ...]
    target: str
    certain: bool


class Exec(Struct, frozen=True):
    """An `exec` in the process that was asked for. `certain`: it is reached, and its program is literal.

    `word` is the program, None where only the run time knows it, and `written` the same as it stands there; `called`
    is its argv[0]. `search` is PATH at that point.
    """

    written: str
    word: str | None
    called: str | None
    arguments: tuple[Argument, ...]
    search: SearchPath
    origin: Origin
    certain: bool


class Findings(Struct):
    """What is collected on the way; the same thing found twice counts once."""

    starts: dict[Start, None] = field(default_factory=dict)
    problems: dict[LaunchProblem, None] = field(default_factory=dict)
    unknowns: dict[LaunchUnknown, None] = field(default_factory=dict)
    execs: list[Exec] = field(default_factory=list)
    supervisions: list[tuple[Supervision, Origin, Context]] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)  # paths that some command takes away or makes inactive
    made: set[str] = field(default_factory=set)  # words of commands that may make files
    filled: set[str] = field(default_factory=set)  # directories that some command fills
    permitted: set[str] = field(default_factory=set)  # words of commands that may set x bits
    installs: bool = False

    def unknown(self, message: str, origin: Origin, *, unread: bool = False) -> None:
        """Note something."""
        self.unknowns[LaunchUnknown(message, origin, unread)] = None

    def notes(self) -> tuple[str, ...]:
        """What was noted, as text."""
        return tuple(unknown.message for unknown in self.unknowns)
