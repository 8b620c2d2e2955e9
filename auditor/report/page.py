"""What a page for people holds, before it is spelled as Markdown or HTML: plain values, nothing escaped yet."""

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from auditor.finding import Finding
from auditor.severity import Severity


class Cell(Struct, frozen=True):
    """One cell. `kind` is a word of auditor.report.words.COLOURS or empty, `detail` stands smaller below."""

    text: str
    kind: str = ""
    detail: str = ""


class Table(Struct, frozen=True):
    """Rows of as many cells as `head` has names. `anchors` names each row for links, or is empty."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    anchors: tuple[str, ...] = ()


class Lines(Struct, frozen=True):
    """A list of plain sentences."""

    lines: tuple[str, ...]


class Found(Struct, frozen=True):
    """A finding and where it is: a layer with its command, a kernel, a platform."""

    finding: Finding
    where: str = ""


class Findings(Struct, frozen=True):
    """Findings, worst first."""

    entries: tuple[Found, ...]


class Branch(Struct, frozen=True):
    """One line of a tree, with what hangs under it. `note` says more, softly."""

    text: str
    note: str = ""
    kind: str = ""
    branches: tuple["Branch", ...] = ()


class Tree(Struct, frozen=True):
    """Trees, each from its root."""

    roots: tuple[Branch, ...]


class Step(Struct, frozen=True):
    """A layer: what it wrote in a few words, the files that it wrote and deleted, and what is found about it."""

    title: str
    size: str
    command: str
    wrote: str
    written: tuple[str, ...]
    deleted: tuple[str, ...]
    found: Cell


class Timeline(Struct, frozen=True):
    """Layers, the lowest first."""

    steps: tuple[Step, ...]


Block: TypeAlias = Table | Lines | Findings | Tree | Timeline


class Section(Struct, frozen=True):
    """A heading and what stands under it. `folded`: the long tail, which is there for who asks for it."""

    title: str
    blocks: tuple[Block, ...]
    kind: str = ""
    folded: bool = False

    def under(self, name: str) -> "Section":
        """The section of one of several: its rows stand once for each, so that none is the one to link to."""
        blocks = tuple(replace(block, anchors=()) if isinstance(block, Table) else block for block in self.blocks)
        return replace(self, title=f"{name}: {self.title}", blocks=blocks)


class Tile(Struct, frozen=True):
    """A count that is read at a glance."""

    count: int
    label: str
    kind: str
    label_of_one: str = ""

    @property
    def words(self) -> str:
        """What is counted, in the number that there is of it."""
        return self.label_of_one if self.count == 1 and self.label_of_one else self.label


class Mark(Struct, frozen=True):
    """One row of the spec at a glance: `status` as the report has it, `told` as it reads, `anchor` of its row."""

    id: str
    status: str
    told: str
    anchor: str


class MatrixRow(Struct, frozen=True):
    """The rows of one section of the spec."""

    section: str
    marks: tuple[Mark, ...]


class Page(Struct, frozen=True):
    """A whole page. First come the verdict (`pass`, `fail`), how it reads (`PASS (1 error waived)`), what it means.

    `matrix` shows every row of the spec at a glance; it is empty where a section of the page does.
    """

    title: str
    verdict: str
    outcome: str
    conclusion: str
    facts: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    matrix: tuple[MatrixRow, ...] = ()

    @property
    def lead(self) -> Finding | None:
        """The error that is told first, so that it is read before all that the page counts."""
        found = (
            entry.finding
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Findings)
            for entry in block.entries
        )
        return next((each for each in found if each.severity is Severity.ERROR and not each.waived_by), None)
