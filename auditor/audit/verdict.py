"""From findings to a verdict."""

from collections.abc import Iterable

from auditor.finding import FailOn, Finding
from auditor.report.model import Verdict


def verdict(findings: Iterable[Finding], fail_on: FailOn) -> Verdict:
    """`fail` where a finding at or above `fail_on` is not waived."""
    return "fail" if any(map(fail_on.fails, findings)) else "pass"
