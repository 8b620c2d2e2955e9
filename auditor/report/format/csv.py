"""CSV (RFC 4180) for spreadsheets: a line per requirement and per finding."""

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.report.register import Style
from auditor.report.results import Results
from auditor.report.views import results_of
from auditor.report.words import printable

if TYPE_CHECKING:
    from auditor.report.register import Document

_HEAD = ("record", "where", "id", "status", "subject", "text", "layer", "fix", "waived_by")
_FORMULA = ("=", "+", "-", "@")


def write(document: "Document", style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The document as a table with a head."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows([_cell(cell) for cell in row] for row in _rows(results_of(document)))
    return stream.getvalue()


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    for case in results.cases:
        yield (
            "requirement",
            case.group,
            case.id,
            case.status,
            "",
            f"{case.text.rstrip('.')}: {case.reason}" if case.reason else case.text,
            "",
            "",
            "",
        )
    for result in results.results:
        yield (
            *("finding", result.place, result.rule, result.severity, result.subject),
            *(result.message, result.layer, result.fix, result.waived_by or ""),
        )


def _cell(text: str) -> str:
    """What a spreadsheet would compute is text: an apostrophe before it, as OWASP advises against CSV injection."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
