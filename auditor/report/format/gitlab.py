"""GitLab's code quality report: a list of what a merge request brought, told apart by fingerprints that last."""

from typing import TYPE_CHECKING, Any

from auditor.finding import Severity
from auditor.report.register import Style
from auditor.report.results import Result
from auditor.report.schema import dump
from auditor.report.views import results_of
from auditor.report.words import printable

if TYPE_CHECKING:
    from auditor.report.register import Document

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def write(document: "Document", style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """Every finding that is not waived, as JSON."""
    found = [_issue(result) for result in results_of(document).results if result.waived_by is None]
    return dump(found)


def _issue(result: Result) -> dict[str, Any]:
    place = f"{result.place}: " if result.place else ""
    return {
        "description": printable(f"{place}{result.told} {result.fix}".rstrip()),
        "check_name": result.rule,
        "fingerprint": result.key,
        "severity": _SEVERITIES[result.severity],
        # A path without a slash before it, of a file or of what is missed; the report has no lines.
        "location": {"path": printable(result.subject).lstrip("/") or ".", "lines": {"begin": 1}},
    }
