"""A diff for other programs: a case per area of the contract, a result per change that is worse."""

from collections.abc import Collection, Sequence

from auditor.report.diff import words
from auditor.report.diff.kinds import KINDS, Area
from auditor.report.diff.model import Change, Diff
from auditor.report.model import ReportRule
from auditor.report.results import Case, Result, Results, Subject
from auditor.severity import Severity


def results(diff: Diff) -> Results:
    """The diff as cases and results. What fails is an error, another regression a warning, all else a note."""
    return Results(
        name=f"{diff.old.reference} to {diff.new.reference}",
        subjects=(Subject(diff.new.reference, diff.new.digest or diff.new.config_digest or ""),),
        spec=diff.spec.label,
        spec_digest=diff.spec.digest,
        verdict=diff.verdict,
        outcome=diff.verdict.upper(),
        conclusion=words.conclusion(diff),
        cases=cases_of(diff.changes, diff.areas),
        results=results_of_changes(diff.changes, diff.areas),
        rules=rules_of(diff.changes),
    )


def cases_of(changes: Sequence[Change], areas: Collection[str], place: str = "") -> tuple[Case, ...]:
    """A case for each area. `areas` decide, by their words; `place` is the platform, where there are several."""
    found: dict[Area, list[Result]] = {area: [] for area in Area}
    for change in changes:
        found[KINDS[change.kind].area].append(_result(change, areas, place))
    return tuple(_case(area, tuple(alike), place) for area, alike in found.items())


def results_of_changes(changes: Sequence[Change], areas: Collection[str], place: str = "") -> tuple[Result, ...]:
    """A result for each change, in their order."""
    return tuple(_result(change, areas, place) for change in changes)


def rules_of(changes: Sequence[Change]) -> dict[str, ReportRule]:
    """What each kind of change is, as if it were a rule."""
    kinds = sorted({change.kind for change in changes})
    return {name: ReportRule(Severity.WARNING, f"{KINDS[name].area}: {KINDS[name].heading}", "") for name in kinds}


def _case(area: Area, found: tuple[Result, ...], place: str) -> Case:
    worse = tuple(result for result in found if result.severity is Severity.ERROR)
    return Case(
        id=area.word,
        group=f"{place} diff".strip(),
        text=f"{area}: nothing is worse",
        status="not-met" if worse else "met",
        reason=worse[0].message if worse else "",
        results=found,
    )


def _result(change: Change, areas: Collection[str], place: str = "") -> Result:
    values = f": {change.old or 'nothing'} → {change.new or 'nothing'}"
    what = f"{KINDS[change.kind].heading} {words.subject(change)}{values}"
    if change.assessment == "regression":
        severity = Severity.ERROR if KINDS[change.kind].area.word in areas else Severity.WARNING
    else:
        severity = Severity.NOTE
    return Result(change.kind, severity, change.subject, f"{what}. {change.why}".strip(), place=place, fix="")
