"""A diff for other programs: a case per area of the contract, a result per change that is worse."""

from auditor.finding import Severity
from auditor.report.diff import words
from auditor.report.diff.kinds import KINDS, Area
from auditor.report.diff.model import Change, Diff
from auditor.report.model import ReportRule
from auditor.report.results import Case, Result, Results, Subject


def results(diff: Diff) -> Results:
    """The diff as cases and results. What fails is an error, another regression a warning, all else a note."""
    found = [(KINDS[change.kind].area, _result(change, diff)) for change in diff.changes]
    rules = {
        change.kind: ReportRule(Severity.WARNING, f"{KINDS[change.kind].area}: {KINDS[change.kind].heading}", "")
        for change in diff.changes
    }
    return Results(
        name=f"{diff.old.reference} to {diff.new.reference}",
        subjects=(Subject(diff.new.reference, diff.new.digest or diff.new.config_digest or ""),),
        spec=f"{diff.spec.name} {diff.spec.version}",
        spec_digest=diff.spec.digest,
        verdict=diff.verdict,
        outcome=diff.verdict.upper(),
        conclusion=words.conclusion(diff),
        cases=tuple(_case(area, tuple(result for at, result in found if at is area)) for area in Area),
        results=tuple(result for _, result in found),
        rules=dict(sorted(rules.items())),
    )


def _case(area: Area, found: tuple[Result, ...]) -> Case:
    worse = tuple(result for result in found if result.severity is Severity.ERROR)
    return Case(
        id=area.word,
        group="diff",
        text=f"{area}: nothing is worse",
        status="not-met" if worse else "met",
        reason=worse[0].message if worse else "",
        results=found,
    )


def _result(change: Change, diff: Diff) -> Result:
    values = f": {change.old or 'nothing'} → {change.new or 'nothing'}"
    what = f"{KINDS[change.kind].heading} {words.subject(change)}{values}"
    if change.assessment == "regression":
        severity = Severity.ERROR if words.decides(change, diff) else Severity.WARNING
    else:
        severity = Severity.NOTE
    return Result(change.kind, severity, change.subject, f"{what}. {change.why}".strip(), fix="")
