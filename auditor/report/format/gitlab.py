"""GitLab's code quality report: a list of what a merge request brought, told apart by fingerprints that last."""

from typing import TYPE_CHECKING, Any

from auditor.report.register import Style
from auditor.report.results import Result, source_of
from auditor.report.schema import dump
from auditor.report.views import results_of
from auditor.report.words import printable
from auditor.severity import Severity

if TYPE_CHECKING:
    from auditor.report.register import Document

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def write(document: "Document", style: Style) -> str:
    """Every finding that is not waived, as JSON."""
    found = [_issue(result, style) for result in results_of(document).results if result.waived_by is None]
    return dump(found)


def _issue(result: Result, style: Style) -> dict[str, Any]:
    place = f"{result.place}: " if result.place else ""
    path, line = source_of(result, style) or (result.subject, 1)
    return {
        "description": printable(f"{place}{result.told} {result.fix}".rstrip()),
        "check_name": result.rule,
        "fingerprint": result.key,
        "severity": _SEVERITIES[result.severity],
        # A path without a slash before it, of a file or of what is missed; the report has no lines.
        "location": {"path": printable(path).lstrip("/") or ".", "lines": {"begin": line}},
    }
