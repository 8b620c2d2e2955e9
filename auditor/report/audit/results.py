"""A report on an image or an index for other programs: a case per requirement and platform."""

from collections.abc import Iterator

from auditor.report.audit import words
from auditor.report.model import IndexReport, Report, ReportImage, ReportRule
from auditor.report.results import Case, Result, Results, Subject, result_of


def results(report: Report | IndexReport) -> Results:
    """The report as cases and results; of an index, each names its platform."""
    several = isinstance(report, IndexReport)
    each = report.platforms if isinstance(report, IndexReport) else (report,)
    across = tuple(result_of(finding) for finding in report.findings) if isinstance(report, IndexReport) else ()
    cases: list[Case] = []
    found: list[Result] = [*across]
    rules: dict[str, ReportRule] = dict(report.rules)
    for one in each:
        place = str(one.image.platform) if several else ""
        own = tuple(_results(one, place))
        found += own
        rules |= one.rules
        cases += _cases(one, own, place)
    if across:
        failed = report.verdict == "fail" and all(one.verdict == "pass" for one in each)
        status = "not-met" if failed else "met"
        cases.append(Case("index", "across platforms", "the platforms agree", status, across[0].message, across))
    spec = each[0].spec if each else None
    return Results(
        name=report.index.reference if isinstance(report, IndexReport) else report.image.reference,
        subjects=_subjects(report),
        spec=spec.label if spec else "",
        spec_digest=spec.digest if spec else "",
        verdict=report.verdict,
        outcome=words.outcome(report),
        conclusion=words.conclusion(report),
        cases=tuple(cases),
        results=tuple(found),
        rules=dict(sorted(rules.items())),
    )


def _results(report: Report, place: str) -> Iterator[Result]:
    for finding in report.findings:
        layers, at = report.image.layers, finding.layer
        command = layers[at].created_by if at is not None and at < len(layers) else ""
        yield result_of(finding, place, words.layer_of(at, layers), command)


def _cases(report: Report, found: tuple[Result, ...], place: str) -> Iterator[Case]:
    counted = {index for row in report.requirements for index in row.findings}
    for row in report.requirements:
        group = " ".join(filter(None, (place, row.section)))
        own = tuple(found[index] for index in row.findings)
        yield Case(row.id, group, row.text, row.status, row.reason, own)
    rest = tuple(result for index, result in enumerate(found) if index not in counted)
    if rest:
        yield Case("other", place or "image", "what belongs to no requirement", "met", "", rest)


def _subjects(report: Report | IndexReport) -> tuple[Subject, ...]:
    if isinstance(report, IndexReport):
        index = report.index
        own = (Subject(index.reference, index.digest),) if index.digest else ()
        return (*own, *(_subject(one.image, str(one.image.platform)) for one in report.platforms))
    return (_subject(report.image),)


def _subject(image: ReportImage, platform: str = "") -> Subject:
    name = f"{image.reference} ({platform})" if platform else image.reference
    return Subject(name, image.digest or image.config_digest or "")
