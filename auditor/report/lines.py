"""Lines of text for a terminal or a log: the pieces that every kind of document is written with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.finding import Finding, Severity
from auditor.report import words
from auditor.report.page import Branch
from auditor.report.register import Style


@dataclass(frozen=True, slots=True)
class Pen:
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
        """Columns as wide as their widest cell; the last cell of a row is painted in the row's kind."""
        shown = [[words.printable(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for row, kind in zip(shown, kinds, strict=True):
            cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False)]
            last = self.painted(row[-1], kind) if kind else row[-1]
            yield "  ".join([*cells, last])

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


def _width(painted: str) -> int:
    """How many columns a text takes whose only control characters are colours of ours."""
    width, rest = 0, painted
    while "\x1b[" in rest:
        before, _, rest = rest.partition("\x1b[")
        width += len(before)
        rest = rest.partition("m")[2]
    return width + len(rest)
