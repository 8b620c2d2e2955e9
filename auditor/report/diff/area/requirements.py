"""Rows of the spec that changed their status, and documented libraries that are linked otherwise."""

from collections.abc import Iterator

from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair
from auditor.report.model import ReportRequirement

# From good to bad. A waiver is somebody's decision, so what it changes is nobody's fault or merit.
_RANKS = {"met": 0, "unknown": 1, "not-met": 2}


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
    if before not in _RANKS or after not in _RANKS:
        return "neutral"
    return "regression" if _RANKS[after] > _RANKS[before] else "improvement"


def _why(before: ReportRequirement, after: ReportRequirement) -> str:
    if after.reason:
        return after.reason
    return f"Before: {before.reason}" if before.reason else "It is met now."
