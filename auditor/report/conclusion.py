"""What a verdict rests on, in words: counts, and what was let through and by which setting."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from auditor.finding import Finding
from auditor.report.model import ReportSummary, Verdict
from auditor.report.words import listed, plural
from auditor.severity import FailOn, Severity


def findings_told(findings: Iterable[Finding]) -> str:
    """`1 error, 2 warnings`, waived ones apart; empty for none."""
    found = list(findings)
    counts = Counter(finding.severity for finding in found if finding.waived_by is None)
    told = [plural(counts[severity], severity.value) for severity in Severity if counts[severity]]
    waived = sum(finding.waived_by is not None for finding in found)
    return listed([*told, f"{waived} waived" if waived else ""])


def rows_told(summary: ReportSummary) -> str:
    """`24 met, 1 not met, 2 unknown`: every status that a row has."""
    counts = (
        (summary.met, "met"),
        (summary.not_met, "not met"),
        (summary.waived, "waived"),
        (summary.unknown, "unknown"),
        (summary.not_applicable, "not applicable"),
    )
    return listed(f"{count} {word}" for count, word in counts if count)


def outcome(verdict: Verdict, findings: Iterable[Finding], options: Mapping[str, Any]) -> str:
    """`FAIL`, or `PASS` with what was let through: `PASS (2 errors waived)`, `PASS (fail-on never, from FILE)`."""
    findings = list(findings)
    if verdict == "fail":
        alone = options.get("fail_on_unknown") and not any(finding.fails(gate(options)) for finding in findings)
        return "FAIL (fail-on-unknown)" if alone else "FAIL"
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    waived = sum(finding.waived_by is not None for finding in errors)
    parts = [f"{plural(waived, 'error')} waived"] if waived else []
    if options.get("fail_on") == FailOn.NEVER.value and len(errors) > waived:
        origin = options.get("fail_on_from")
        parts.append(f"fail-on never, from {origin}" if origin else "fail-on never")
    return f"PASS ({'; '.join(parts)})" if parts else "PASS"


def gate(options: Mapping[str, Any]) -> FailOn:
    """From which severity on a report with these options fails."""
    known = options.get("fail_on")
    return FailOn(known) if known in tuple(FailOn) else FailOn.ERROR


def images_told(audited: int, failed: int, missed: int, spec: str) -> str:
    """`2 of 3 images do not meet felix, 1 image not audited`."""
    judged = f"{failed} of {plural(audited, 'image')} {'does' if failed == 1 else 'do'} not meet {spec}"
    passed = f"{plural(audited, 'image')} {'passes' if audited == 1 else 'pass'} by {spec}"
    told = (judged if failed else passed) if audited else ""
    return listed((told, f"{plural(missed, 'image')} not audited" if missed else ""))


def not_met_told(summary: ReportSummary, spec: str) -> str:
    """`6 rows of felix not met`."""
    return f"{plural(summary.not_met, 'row')} of {spec} not met"
