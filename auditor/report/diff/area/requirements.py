"""Rows of the spec that changed their status, and documented libraries that are linked otherwise."""

from collections.abc import Iterator

from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair
from auditor.report.model import ReportRequirement


def changes(pair: Pair) -> Iterator[Change]:
    """Every row of the spec that both reports have and judge differently."""
    olds = {row.id: row for row in pair.old.report.requirements}
    for after in pair.new.report.requirements:
        before = olds.get(after.id)
        if before is None:
            continue
        if before.status != after.status:
            assessment = _assess(before.status, after.status)
            yield Change("requirement-status", after.id, before.status, after.status, assessment, _why(before, after))
        if before.state != after.state:
            why = "The status of the row says whether that matters."
            yield Change("requirement-state", after.id, before.state, after.state, "neutral", why)


def _assess(before: str, after: str) -> Assessment:
    """What can't be told is neither good nor bad, and what was waived or doesn't apply is nobody's fault or merit."""
    if after == "not-met" and before in ("met", "unknown"):
        return "regression"
    return "improvement" if after == "met" and before == "not-met" else "neutral"


def _why(before: ReportRequirement, after: ReportRequirement) -> str:
    if after.reason:
        return after.reason
    return f"Before: {before.reason}" if before.reason else "It is met now."
