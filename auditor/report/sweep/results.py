"""A sweep for other programs: a case for each image and platform."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.report.results import Case, Result, Results, Subject, result_of
from auditor.report.sweep import words
from auditor.report.sweep.model import SweepImage, SweepPlatform, SweepReport


def results(report: SweepReport) -> Results:
    """The sweep as cases and results, which name their image and platform."""
    cases = tuple(case for image in report.images for case in _cases(image))
    return Results(
        name=words.title(report),
        subjects=tuple(subject for image in report.images for subject in _subjects(image)),
        spec=report.spec.label,
        spec_digest=report.spec.digest,
        verdict=report.verdict,
        outcome=report.verdict.upper(),
        conclusion=words.conclusion(report),
        cases=cases,
        results=tuple(result for case in cases for result in case.results),
        rules=report.rules,
    )


def _cases(image: SweepImage) -> Iterator[Case]:
    text = f"it meets {image.spec.name}"
    if image.verdict == "not-audited":
        yield Case("audit", image.name, "it is audited", "not-met", image.error)
    for one in image.platforms:
        told = words.why(image, one)
        reason = told if one.verdict == "fail" or not told else f"{words.outcome(image, one)}, {told}"
        yield Case(str(one.platform), image.name, text, _status(one), reason, _results(image, one.findings, one))
    if image.findings:
        found = _results(image, image.findings)
        status = "not-met" if words.across(image) else "met"
        yield Case("across", image.name, "the platforms agree", status, image.findings[0].message, found)


def _status(one: SweepPlatform) -> str:
    """Where the verdict is `pass`, what is not met was waived or let through."""
    if one.verdict == "fail":
        return "not-met"
    let_through = one.summary.waived or one.summary.not_met
    return "waived" if let_through else "unknown" if one.summary.unknown else "met"


def _results(image: SweepImage, findings: tuple[Finding, ...], one: SweepPlatform | None = None) -> tuple[Result, ...]:
    place = f"{image.name} {one.platform}" if one else image.name
    return tuple(result_of(finding, place) for finding in findings)


def _subjects(image: SweepImage) -> Iterator[Subject]:
    for one in image.platforms:
        yield Subject(f"{image.name} ({one.platform})", one.digest or one.config_digest or "")
