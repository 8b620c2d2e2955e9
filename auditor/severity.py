"""How severe a finding is, and which severities fail."""

import enum


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

    def covers(self, severity: Severity) -> bool:
        """Whether something this severe fails."""
        return self is not FailOn.NEVER and severity.rank <= Severity(self.value).rank
