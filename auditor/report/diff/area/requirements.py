"""Rows of the spec that changed their status, and documented libraries that are linked otherwise."""

from collections.abc import Iterator, Sequence

from auditor.finding import Finding
from auditor.report.diff.area import findings
from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair
from auditor.report.model import ReportRequirement
from auditor.severity import Severity


def changes(pair: Pair) -> Iterator[Change]:
    """Every row of the spec that both reports have and judge differently.

    Rows that a new finding breaks, or a fixed one mends, are told with that finding: one cause is one change.
    """
    olds = {row.id: row for row in pair.old.report.requirements}
    for after in pair.new.report.requirements:
        before = olds.get(after.id)
        if before is None:
            continue
        if before.status != after.status and not _is_consequence(pair, before, after):
            assessment = _assess(before.status, after.status)
            yield Change("requirement-status", after.id, before.status, after.status, assessment, _why(before, after))
        if before.state != after.state:
            why = "The status of the row says whether that matters."
            yield Change("requirement-state", after.id, before.state, after.state, "neutral", why)


def _is_consequence(pair: Pair, before: ReportRequirement, after: ReportRequirement) -> bool:
    """Whether findings that are new, or fixed, and told as such are all that the row is not met for."""
    matched = findings.match(pair)
    if after.status == "not-met":
        return _explains(matched.new, pair.new.report.findings, after)
    return before.status == "not-met" and _explains(matched.old, pair.old.report.findings, before)


def _explains(told: Sequence[Finding], among: Sequence[Finding], row: ReportRequirement) -> bool:
    errors = [finding for finding in (among[index] for index in row.findings) if finding.severity is Severity.ERROR]
    errors = [error for error in errors if error.waived_by is None]
    return bool(errors) and all(error in told for error in errors)


def _assess(before: str, after: str) -> Assessment:
    """What can't be told is neither good nor bad, and what was waived or doesn't apply is nobody's fault or merit."""
    if after == "not-met" and before in ("met", "unknown"):
        return "regression"
    return "improvement" if after == "met" and before == "not-met" else "neutral"


def _why(before: ReportRequirement, after: ReportRequirement) -> str:
    if after.reason:
        return after.reason
    return f"Before: {before.reason}" if before.reason else "It is met now."
