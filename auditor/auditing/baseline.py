"""A saved report as the state of things that is accepted: only what it doesn't have fails.

A finding is in it where it has one of the same rule, subject and requirement that is at least as severe. What a waiver
accepted in it is not: where the waiver ends, the baseline doesn't take its place.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.image.platforms import normalise
from auditor.report.model import IndexReport, Report

_ACCEPTED = "in the baseline"


class Baseline(Struct, frozen=True):
    """The saved report, and the file that it came from."""

    report: Report | IndexReport
    where: str

    def accept(self, findings: Sequence[Finding], platform: Platform | None) -> tuple[Finding, ...]:
        """The findings, marked where the saved report has them for this platform; None: across platforms."""
        accepted = self._findings(platform)
        had, severities = Counter(map(_key, accepted)), _worst(accepted)
        result = []
        for finding in findings:
            key = _key(finding)
            if had[key] and severities[key] <= finding.severity.rank and finding.waived_by is None:
                had[key] -= 1
                result.append(finding.waived(f"{_ACCEPTED} {self.where}"))
            else:
                result.append(finding)
        return tuple(result)

    def unknown_rows(self, platform: Platform) -> frozenset[str]:
        """The rows of the spec that couldn't be known then either."""
        report = self._of(platform)
        rows = report.requirements if report else ()
        return frozenset(row.id for row in rows if row.status == "unknown")

    def _findings(self, platform: Platform | None) -> list[Finding]:
        if platform is None:
            found: Iterable[Finding] = self.report.findings
        else:
            report = self._of(platform)
            found = report.findings if report else ()
        return [one for one in found if one.waived_by is None or one.waived_by.startswith(f"{_ACCEPTED} ")]

    def _of(self, platform: Platform) -> Report | None:
        """The report on one platform; a report on one image speaks for its own platform only."""
        each = self.report.platforms if isinstance(self.report, IndexReport) else (self.report,)
        wanted = normalise(platform)
        return next((one for one in each if normalise(one.image.platform) == wanted), None)


def _key(finding: Finding) -> tuple[str, str, str | None]:
    return finding.rule, finding.subject, finding.requirement


def _worst(findings: Iterable[Finding]) -> dict[tuple[str, str, str | None], int]:
    ranks: dict[tuple[str, str, str | None], int] = {}
    for finding in findings:
        key = _key(finding)
        ranks[key] = min(finding.severity.rank, ranks.get(key, finding.severity.rank))
    return ranks
