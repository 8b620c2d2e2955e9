"""Text about several images: each one's report, and a table of all at the end."""

from collections.abc import Iterator

from auditor.report.audit.text import lines as report_lines
from auditor.report.lines import Pen
from auditor.report.register import Style
from auditor.report.several import words
from auditor.report.several.model import SeveralReports


def lines(several: SeveralReports, style: Style) -> Iterator[str]:
    """The reports, line by line; a quiet one tells only of the images that fail."""
    pen = Pen(style)
    for report in several.images:
        if style.quiet and report.verdict == "pass":
            continue
        yield pen.painted(f"── {words.name_of(report)} {'─' * 40}", "dim")
        yield from report_lines(report, style)
        yield ""
    table = list(words.rows(several))
    yield from pen.table([words.HEAD, *(row[:3] for row in table)], kinds=[None, *(row[3] for row in table)])
    yield ""
    yield pen.verdict(several.verdict, several.verdict.upper(), words.conclusion(several))
