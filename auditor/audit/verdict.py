"""From findings and rows to a verdict."""

from collections import Counter
from collections.abc import Iterable

from auditor.finding import FailOn, Finding
from auditor.report.model import ReportSummary, Verdict


def verdict(findings: Iterable[Finding], fail_on: FailOn, unknown: int = 0) -> Verdict:
    """`fail` where a finding at or above `fail_on` is not waived, or `unknown` rows count and there are some."""
    return "fail" if unknown or any(map(fail_on.fails, findings)) else "pass"


def summarise(statuses: Iterable[str]) -> ReportSummary:
    """The rows of a spec, counted by their status."""
    counts = Counter(statuses)
    return ReportSummary(
        met=counts["met"],
        not_met=counts["not-met"],
        waived=counts["waived"],
        unknown=counts["unknown"],
        not_applicable=counts["not-applicable"],
    )
