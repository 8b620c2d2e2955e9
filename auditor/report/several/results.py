"""Several reports for other programs: the cases and results of each image, which they name."""

from collections.abc import Iterator

from msgspec.structs import replace

from auditor.report.audit.results import results as report_results
from auditor.report.results import Case, Result, Results
from auditor.report.several import words
from auditor.report.several.model import SeveralReports
from auditor.report.words import listed


def results(several: SeveralReports) -> Results:
    """The reports as cases and results; an image that was not audited is a case that is not met."""
    each = [(words.name_of(report), report_results(report)) for report in several.images]
    return Results(
        name=listed(name for name, _ in each) or "nothing audited",
        subjects=tuple(subject for _, one in each for subject in one.subjects),
        spec=next((one.spec for _, one in each), ""),
        spec_digest=next((one.spec_digest for _, one in each), ""),
        verdict=several.verdict,
        outcome=several.verdict.upper(),
        conclusion=words.conclusion(several),
        cases=(*(case for name, one in each for case in _cases(name, one)), *_missed(several)),
        results=tuple(_of(name, result) for name, one in each for result in one.results),
        rules={rule: text for _, one in each for rule, text in one.rules.items()},
    )


def _cases(name: str, one: Results) -> Iterator[Case]:
    """Where an image passes, what is not met in it was let through: no other image's verdict makes it fail."""
    for case in one.cases:
        let_through = one.verdict == "pass" and case.status == "not-met"
        yield replace(
            case,
            group=f"{name} {case.group}",
            status="waived" if let_through else case.status,
            reason=f"not met, {one.outcome}: {case.reason}" if let_through else case.reason,
            results=tuple(_of(name, result) for result in case.results),
        )


def _missed(several: SeveralReports) -> Iterator[Case]:
    for one in several.not_audited:
        yield Case("audit", one.reference, "it is audited", "not-met", one.error)


def _of(name: str, result: Result) -> Result:
    return replace(result, place=f"{name} {result.place}".strip())
