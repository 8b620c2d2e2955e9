"""Text about a sweep: one table of all images and platforms."""

from collections.abc import Iterator

from auditor.report.lines import Pen
from auditor.report.register import Style
from auditor.report.sweep import words
from auditor.report.sweep.model import SweepReport


def lines(report: SweepReport, style: Style) -> Iterator[str]:
    """The table, line by line; a quiet one has only what fails."""
    pen = Pen(style)
    rows = [row for row in words.rows(report) if not style.quiet or row.kind == "fail"]
    table = [words.HEAD, *((row.name, row.platform, row.why, row.outcome) for row in rows)]
    yield from pen.table(table, kinds=[None, *(row.kind for row in rows)])
    yield ""
    yield pen.verdict(report.verdict, report.verdict.upper(), words.conclusion(report))
