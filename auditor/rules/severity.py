"""How much a row weighs: a spec may take what breaks it for a warning or a note."""

from collections.abc import Iterable

from msgspec.structs import replace

from auditor.finding import Finding
from auditor.severity import Severity
from auditor.spec import Spec


def weighed(spec: Spec, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in their order, each error as severe as the severest of the rows that it breaks.

    Rows are judged before: a row that is not met is so whatever it weighs.
    """
    weights = {row.id: Severity(row.severity) for row in spec.requirements if row.severity}
    return tuple(_weighed(entry, weights) for entry in findings)


def _weighed(entry: Finding, weights: dict[str, Severity]) -> Finding:
    if entry.severity is not Severity.ERROR or not entry.rows:
        return entry
    severest = min((weights.get(row, Severity.ERROR) for row in entry.rows), key=lambda severity: severity.rank)
    return entry if severest is entry.severity else replace(entry, severity=severest)
