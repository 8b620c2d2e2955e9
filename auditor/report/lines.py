"""Lines of text for a terminal or a log: the pieces that every kind of document is written with."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from auditor.finding import Finding
from auditor.report import words
from auditor.report.page import Branch
from auditor.report.register import Style
from auditor.severity import Severity

_NARROWEST = 12  # columns: a table that would need less for its prose isn't narrowed, but broken as any line is
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_WORDS = re.compile("( *)([^ ]+)")
_TRUNKS = ("├", "└", "│")


class Pen(Struct, frozen=True):
    """Writes printable text in one style."""

    style: Style

    def plain(self, text: str) -> str:
        """The text as it is, on one line."""
        return words.printable(text)

    def painted(self, text: str, kind: str) -> str:
        """The text in the colour of its kind."""
        return words.paint(words.printable(text), kind, colour=self.style.colour)

    def folded(self, text: str, rest: str, start: str = "") -> Iterator[str]:
        """The text on lines as wide as the style says; `start`, already printable, stands on the first."""
        # Colours take no room: a start of the same width stands for it while the text is folded.
        blank = " " * _width(start)
        first, *others = words.fold(text, self.style.width, blank, rest)
        yield start + first[len(blank) :]
        yield from others

    def verdict(self, verdict: str, outcome: str, conclusion: str) -> str:
        """The last line: the verdict with what was let through, and what it means."""
        return f"{self.painted(outcome, verdict)}  {self.plain(conclusion)}"

    def finding(self, finding: Finding, *places: str) -> Iterator[str]:
        """A finding: what and where, why, and how to mend it."""
        label = self.painted(f"{finding.severity}[{finding.rule}]", finding.severity)
        row = f"  ({finding.requirement})" if finding.requirement else ""
        waived = f"  waived: {finding.waived_by}" if finding.waived_by else ""
        yield f"{label} {self.plain(finding.subject + row + waived)}"
        yield from self.folded(f"  {finding.message}".lstrip(), "  ", "  ")
        for place in filter(None, places):
            yield from self.folded(place, "      ", "  ")
        if finding.fix and finding.severity is not Severity.NOTE:
            yield from self.folded(f"fix: {finding.fix}", "       ", "  ")

    def table(self, rows: Sequence[Sequence[str]], kinds: Sequence[str | None]) -> Iterator[str]:
        """Columns as wide as their widest cell; the last cell of a row is painted in the row's kind.

        Where all of them are too wide, the widest of those that have several words is folded.
        """
        shown = [[words.printable(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        prose = _foldable(shown, widths, self.style.width)
        for row, kind in zip(shown, kinds, strict=True):
            folded = _folded(row[prose], widths[prose]) if prose is not None else [""]
            cells = [folded[0] if number == prose else cell for number, cell in enumerate(row[:-1])]
            last = self.painted(row[-1], kind) if kind else row[-1]
            yield "  ".join([*(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)), last])
            before = " " * (sum(widths[:prose]) + 2 * (prose or 0))
            yield from (before + line for line in folded[1:])

    def tree(self, root: Branch, indent: str = "    ") -> Iterator[str]:
        """A tree with its branches drawn, depth first."""
        yield indent + self._branch(root)
        stack = [(branch, indent, branch is root.branches[-1]) for branch in reversed(root.branches)]
        while stack:
            branch, before, last = stack.pop()
            yield f"{before}{'└── ' if last else '├── '}{self._branch(branch)}"
            below = before + ("    " if last else "│   ")
            stack += [(entry, below, entry is branch.branches[-1]) for entry in reversed(branch.branches)]

    def _branch(self, branch: Branch) -> str:
        text = self.painted(branch.text, branch.kind) if branch.kind else self.plain(branch.text)
        note = self.painted(f"  ({branch.note})", branch.kind or "dim") if branch.note else ""
        return text + note


def within(line: str, width: int | None) -> Iterator[str]:
    """A line that is already painted, on lines of at most `width` columns; None: as it is. A tree keeps its lines."""
    if width is None or _width(line) <= width or line.lstrip().startswith(_TRUNKS):
        yield line
        return
    indent = len(line) - len(line.lstrip(" "))
    shown, taken = "", 0
    for blanks, word in _WORDS.findall(line):
        if shown.strip() and taken + len(blanks) + _width(word) > width:
            yield shown
            shown, taken = " " * (indent + 4) + word, indent + 4 + _width(word)
        else:
            shown += blanks + word
            taken += len(blanks) + _width(word)
    yield shown


def _foldable(rows: Sequence[Sequence[str]], widths: list[int], width: int | None) -> int | None:
    """The column to fold so that all have room, made as narrow in `widths`; None where nothing need or can be done."""
    over = sum(widths) + 2 * (len(widths) - 1) - width if width is not None else 0
    columns = [number for number in range(len(widths) - 1) if any(" " in row[number] for row in rows[1:])]
    widest = max(columns, key=lambda number: widths[number], default=None)
    if over <= 0 or widest is None or widths[widest] - over < _NARROWEST:
        return None
    widths[widest] -= over
    return widest


def _folded(text: str, width: int) -> list[str]:
    return words.broken(text, width) or [""]


def _width(painted: str) -> int:
    """How many columns a text takes whose only control characters are colours of ours."""
    return len(_COLOUR.sub("", painted))
