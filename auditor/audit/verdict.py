"""From findings to a verdict, and into the report."""

from collections.abc import Sequence

from auditor.report.model import ReportFinding, Verdict
from auditor.rules import NEVER, Finding, Severity


def verdict(findings: Sequence[Finding], fail_on: str) -> Verdict:
    """`fail` where a finding at or above `fail_on` (a severity, or `never`) is not waived."""
    if fail_on == NEVER:
        return "pass"
    worst = Severity(fail_on).rank
    failing = any(entry.severity.rank <= worst and entry.waived_by is None for entry in findings)
    return "fail" if failing else "pass"


def report_finding(finding: Finding) -> ReportFinding:
    """A finding as the report writes it."""
    return ReportFinding(
        rule=finding.rule,
        severity=finding.severity.value,
        requirement=finding.requirement,
        subject=finding.subject,
        message=finding.message,
        evidence=dict(finding.evidence),
        layer=finding.layer,
        fix=finding.fix,
        waived_by=finding.waived_by,
        affects=finding.affects,
    )
