"""Findings: which are new, fixed, or there in both, however layers were renumbered and lists reordered."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from msgspec import Struct

from auditor.finding import Finding
from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair
from auditor.report.model import Report
from auditor.severity import Severity

# Evidence that says where something was, not what it is: it differs between two builds of one fault.
_PLACES = frozenset({"layer", "line", "deleted"})


class Matched(Struct, frozen=True):
    """`both` in the order of the new report; `old` are fixed, `new` were not there before."""

    both: tuple[tuple[Finding, Finding], ...]
    old: tuple[Finding, ...]
    new: tuple[Finding, ...]


def match(pair: Pair) -> Matched:
    """Find each finding of one image in the other: by rule and subject, and where several share them, the likest."""
    groups: dict[tuple[str, str], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    before, after = pair.old.report.findings, pair.new.report.findings
    for which, found in enumerate((before, after)):
        for index, finding in enumerate(found):
            groups[finding.rule, pair.place(finding.subject)][which].append(index)
    partner: dict[int, int] = {}  # index in the new report -> index in the old one
    for olds, news in groups.values():
        candidates = sorted(product(olds, news), key=lambda both: (_unlikeness(before[both[0]], after[both[1]]), both))
        taken: set[int] = set()
        for old, new in candidates:
            if old not in taken and new not in partner:
                taken.add(old)
                partner[new] = old
    known = set(partner.values())
    return Matched(
        both=tuple((before[partner[new]], after[new]) for new in sorted(partner)),
        old=tuple(finding for index, finding in enumerate(before) if index not in known),
        new=tuple(finding for index, finding in enumerate(after) if index not in partner),
    )


def changes(pair: Pair) -> Iterator[Change]:
    """New, fixed, of another severity, waived or no longer waived."""
    matched = match(pair)
    for finding in matched.new:
        assessment: Assessment = "regression" if _counts(finding) else "neutral"
        why = f"{finding.message} Waived: {finding.waived_by}" if finding.waived_by else finding.message
        broken = _stopped(pair.new.report, pair.old.report, finding)
        why += f" No longer met: {', '.join(broken)}." if broken else ""
        yield Change("finding-new", _subject(finding), None, finding.severity, assessment, why)
    for finding in matched.old:
        assessment = "improvement" if _counts(finding) else "neutral"
        why = f"No longer found: {finding.message}"
        mended = _stopped(pair.old.report, pair.new.report, finding)
        why += f" No longer broken: {', '.join(mended)}." if mended else ""
        yield Change("finding-fixed", _subject(finding), finding.severity, None, assessment, why)
    for before, after in matched.both:
        yield from _altered(before, after)


def _altered(before: Finding, after: Finding) -> Iterator[Change]:
    if before.severity != after.severity:
        worse = after.severity.rank < before.severity.rank
        assessment: Assessment = "neutral" if after.waived_by else "regression" if worse else "improvement"
        yield Change("finding-severity", _subject(after), before.severity, after.severity, assessment, after.message)
    if bool(before.waived_by) != bool(after.waived_by):
        why = f"Waived: {after.waived_by}" if after.waived_by else "It is no longer waived."
        old, new = (f"waived: {entry.waived_by}" if entry.waived_by else "not waived" for entry in (before, after))
        yield Change("finding-waiver", _subject(after), old, new, "regression" if _counts(after) else "neutral", why)


def _stopped(report: Report, other: Report, finding: Finding) -> list[str]:
    """The rows that an error of one report breaks, and that the other report, without it, doesn't have broken."""
    if finding.severity is not Severity.ERROR or finding.waived_by:
        return []
    elsewhere = {row.id: row.status for row in other.requirements}
    return [
        row.id
        for row in report.requirements
        if row.status == "not-met"
        and elsewhere.get(row.id, "not-met") != "not-met"
        and any(report.findings[index] == finding for index in row.findings)
    ]


def _counts(finding: Finding) -> bool:
    """A note is worth knowing, and what somebody waived is accepted: neither is for better or worse."""
    return finding.severity is not Severity.NOTE and not finding.waived_by


def _subject(finding: Finding) -> str:
    return f"{finding.rule} {finding.subject}"


def _unlikeness(before: Finding, after: Finding) -> tuple[bool, bool, int]:
    names = (before.evidence.keys() | after.evidence.keys()) - _PLACES
    other = sum(before.evidence.get(name) != after.evidence.get(name) for name in names)
    return (before.message != after.message, before.requirement != after.requirement, other)
