"""A finding: one value from the rules to every report and format."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.severity import FailOn, Severity


class Finding(Struct, frozen=True):
    """One thing that is worth saying; the fields are its JSON form.

    `requirement` is the row that it belongs to, `affects` further rows that it breaks. `layer` wrote the
    subject, or deleted it where the finding is about something gone. `fix` says how to mend it.
    """

    rule: str
    severity: Severity
    requirement: str | None
    subject: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    layer: int | None = None
    fix: str = ""
    waived_by: str | None = None
    affects: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Every row that the finding counts against."""
        return ((self.requirement,) if self.requirement else ()) + self.affects

    def fails(self, fail_on: FailOn) -> bool:
        """Whether this finding alone makes the verdict `fail`."""
        return self.waived_by is None and fail_on.covers(self.severity)

    def waived(self, by: str) -> "Finding":
        """The same finding, accepted for the reason that the waiver gives."""
        return replace(self, waived_by=by)

    @property
    def sort_key(self) -> tuple[int, str, str, str]:
        """Worst first, then by rule and subject."""
        return (self.severity.rank, self.rule, self.subject, self.message)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by rule, subject and message."""
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))
