"""What the rules for one image are given."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from auditor.elf.model import NoticeKind
from auditor.image.model import Layer
from auditor.inventory.model import Binary, Inventory, Notice, Problem, Tool
from auditor.rules.context import Options
from auditor.spec import Kind, Requirement, Spec


def is_other(binary: Binary) -> bool:
    """Whether a program shows no sign of the project that its name belongs to."""
    return binary.reason.startswith("other")


def saved_without(what: str) -> str:
    """Why nothing is known that a fresh audit would know."""
    return f"the report was saved under a spec that doesn't {what}; audit the image itself"


class ImageContext(Struct, frozen=True):
    """One image's inventory under one spec."""

    spec: Spec
    options: Options
    inventory: Inventory
    layers: tuple[Layer, ...]

    def rows(self, kind: Kind) -> tuple[Requirement, ...]:
        """The rows of a kind that hold for the IP family and the modes."""
        return tuple(row for row in self.spec.of_kind(kind) if not self.options.why_not(self.spec, row))

    @property
    def cpu_floor(self) -> str | None:
        """The level of processor that every node has, by the command line, else the spec; None where none is named."""
        architecture = self.inventory.architecture
        return dict(self.options.cpu).get(architecture) or self.spec.cpu_floor.get(architecture)

    def the_row(self, kind: Kind) -> str:
        """The id of the one row of a kind that every spec has."""
        return self.spec.of_kind(kind)[0].id

    def tool(self, name: str) -> Tool:
        """The tool of this name, without binaries where the image has none of it."""
        return self.inventory.tool(name) or Tool(name, None, (), (), "not in the image")

    def not_looked_for(self, tool: str, programs: Sequence[str] = ()) -> str:
        """Why nothing is known of a tool that the spec asks for, or of one of its programs; "" where the image was
        searched for them: what wasn't there then has an entry that says so."""
        found = self.inventory.tool(tool)
        if found is None:
            return saved_without(f"ask for {tool}")
        absent = [name for name in programs if found.binary(name) is None]
        lacking = {entry.name for entry in self.inventory.whereabouts} if absent else set()
        return next((saved_without(f"ask for {name}") for name in absent if name not in lacking), "")

    def link_types_not_looked_for(self, row: Requirement) -> tuple[str, ...]:
        """The link types of a row that `ip` was not searched for."""
        asked = self.inventory.link_types_asked
        return () if asked is None else tuple(name for name in row.link_types if name not in asked)

    def version_not_looked_for(self, row: Requirement) -> str:
        """Why a tool's version says nothing about a row's minimum; "" where it was read as the row asks for."""
        tool = self.tool(row.tool)
        if not row.minimum or not tool.binaries or tool.version_by == row.version_by:
            return ""
        where = row.version_from or ("what this pattern matches" if row.pattern else "the program itself")
        return saved_without(f"read the version of {row.tool} from {where}")

    def binaries(self, tools: Sequence[str]) -> tuple[Binary, ...]:
        """Every binary and candidate of these tools that is a program of its own (no applet, no script)."""
        return tuple(binary for name in tools for binary in self.tool(name).programs)

    def builds(self, tools: Sequence[str]) -> tuple[Binary, ...]:
        """Those of them that are what their name says: a file of something else shows nothing of the tool."""
        return tuple(binary for binary in self.binaries(tools) if not is_other(binary))

    def is_missing(self, tool: str, program: str) -> bool:
        """Whether PATH has nothing of this name, not even something that can't be started."""
        return self.tool(tool).binary(program) is None and not self.inventory.whereabouts_of(program).unusable

    def owner_of_lost(self, name: str) -> dict[str, str]:
        """Evidence of a file name that is missed: the package whose database still lists it."""
        lost = (drift for drift in self.inventory.drift if drift.kind == "missing")
        owners = sorted({drift.package for drift in lost if drift.path.rpartition("/")[2] == name})
        return {"package": ", ".join(owners)} if owners else {}

    def behind(self, tool: str, program: str) -> tuple[Binary, ...]:
        """What answers for a program's name: what PATH reaches, or the programs that this may pick."""
        binary = self.tool(tool).binary(program)
        return () if binary is None else self.tool(tool).candidates_of(binary) or (binary,)

    def problems_of(self, binary: Binary) -> tuple[Problem, ...]:
        """The load problems that stop this binary."""
        return tuple(entry for entry in self.inventory.problems if binary.resolved_path in entry.programs)

    def unknown_start(self, binary: Binary) -> str:
        """Why it can't be told what starting this binary loads; "" where it can."""
        return next((entry.message for entry in self.unknown_loads() if binary.resolved_path in entry.programs), "")

    def unknown_loads(self) -> Iterator[Notice]:
        """What keeps a program's load from being known: a loader, or a file of its, that can't be read or followed."""
        return (entry for entry in self.inventory.notices if entry.kind == NoticeKind.UNKNOWN and entry.name)

    def can_start(self, binary: Binary) -> bool:
        """Whether nothing that was found keeps this binary from starting."""
        return not any(problem.at_start for problem in self.problems_of(binary))

    def blame(self, layer: int | None) -> str:
        """`layer 4 of 4`, counted as people do, or nothing where no layer is known."""
        if layer is None or layer >= len(self.layers):
            return ""
        return f"layer {layer + 1} of {len(self.layers)}"
