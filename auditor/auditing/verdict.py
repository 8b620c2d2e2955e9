"""From findings and rows to a verdict, and the texts of the rules."""

from collections import Counter
from collections.abc import Iterable

from auditor.finding import Finding
from auditor.report.model import ReportRule, ReportSummary, Verdict
from auditor.rules import find_rule
from auditor.severity import FailOn


def verdict(findings: Iterable[Finding], fail_on: FailOn, unknown: int = 0) -> Verdict:
    """`fail` where a finding at or above `fail_on` is not waived, or `unknown` rows count and there are some."""
    return "fail" if unknown or any(finding.fails(fail_on) for finding in findings) else "pass"


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


def rule_texts(findings: Iterable[Finding]) -> dict[str, ReportRule]:
    """The rules of the findings by id, so that a format, or who reads a saved report, needs no rule to explain them."""
    texts = {}
    for rule_id in sorted({finding.rule for finding in findings}):
        rule = find_rule(rule_id)
        if rule is not None:
            help_text = " ".join(filter(None, (rule.explanation, f"How to mend it: {rule.mend}")))
            texts[rule_id] = ReportRule(rule.severity, rule.summary, help_text)
    return texts
