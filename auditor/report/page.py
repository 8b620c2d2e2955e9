"""What a page for people holds, before it is spelled as Markdown or HTML: plain values, nothing escaped yet."""

from dataclasses import dataclass
from typing import TypeAlias

from auditor.finding import Finding


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `kind` is a word of auditor.report.words.COLOURS or empty, `detail` stands smaller below."""

    text: str
    kind: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as `head` has names. `wide` may need more columns than a telephone shows."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """A list of plain sentences."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A finding and where it is: a layer with its command, a kernel, a platform."""

    finding: Finding
    where: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings, worst first."""

    entries: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of a tree, with what hangs under it. `note` says more, softly."""

    text: str
    note: str = ""
    kind: str = ""
    branches: tuple["Branch", ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """Trees, each from its root."""

    roots: tuple[Branch, ...]


Block: TypeAlias = Table | Lines | Findings | Tree


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it. `folded`: the long tail, which is there for who asks for it."""

    title: str
    blocks: tuple[Block, ...]
    kind: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """A count that is read at a glance."""

    count: int
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page. First come the verdict (`pass`, `fail`), how it reads (`PASS (1 error waived)`), what it means."""

    title: str
    verdict: str
    outcome: str
    conclusion: str
    facts: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
