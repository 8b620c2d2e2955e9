"""A finding, how severe it is, and which severities fail: one value from the rules to every report and format."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


class Severity(enum.StrEnum):
    """How bad a finding is: `error` does not meet the spec or would not run, `warning` is likely to hurt."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for error, rising as it gets milder."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class FailOn(enum.StrEnum):
    """The mildest severity that fails an audit."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    NEVER = "never"

    def fails(self, finding: "Finding") -> bool:
        """Whether this finding alone makes the verdict `fail`."""
        if self is FailOn.NEVER or finding.waived_by is not None:
            return False
        return finding.severity.rank <= Severity(self.value).rank


@dataclass(frozen=True, slots=True)
class Finding:
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
