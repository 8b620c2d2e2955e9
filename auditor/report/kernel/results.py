"""A report on kernels for other programs: a case per kernel and row, and one per kernel with an image."""

from collections.abc import Iterator

from auditor.report.conclusion import outcome
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelFinding, KernelReport
from auditor.report.results import Case, Result, Results, Subject, result_of


def results(report: KernelReport) -> Results:
    """The report as cases and results."""
    found = tuple(_result(report, finding) for finding in report.findings)
    kernels = tuple(Subject(f"Linux {words.kernel_name(report, index)}") for index in range(len(report.kernels)))
    images = tuple(
        Subject(words.image_name(report, index), image.digest or image.config_digest or "")
        for index, image in enumerate(report.images)
    )
    return Results(
        name=", ".join(subject.name for subject in kernels),
        subjects=(*kernels, *images),
        spec=report.spec.label,
        spec_digest=report.spec.digest,
        verdict=report.verdict,
        outcome=outcome(report.verdict, report.findings, report.spec.options),
        conclusion=words.conclusion(report),
        cases=(*_rows(report, found), *_pairs(report, found)),
        results=found,
        rules=report.rules,
    )


def _result(report: KernelReport, finding: KernelFinding) -> Result:
    return result_of(finding, words.about(report, finding))


def _rows(report: KernelReport, found: tuple[Result, ...]) -> Iterator[Case]:
    for row in report.requirements:
        for answer in row.kernels:
            name = f"Linux {words.kernel_name(report, answer.kernel)}"
            own = tuple(found[index] for index in answer.findings)
            yield Case(row.id, name, row.text, answer.status, answer.reason, own)


def _pairs(report: KernelReport, found: tuple[Result, ...]) -> Iterator[Case]:
    for pair in report.pairs:
        kernel, image = words.kernel_name(report, pair.kernel), words.image_name(report, pair.image)
        own = tuple(found[index] for index in pair.findings)
        status = "not-met" if pair.verdict == "fail" else "unknown" if pair.unknown else "met"
        reason = (
            own[0].message
            if pair.verdict == "fail" and own
            else "; ".join(f"{entry.subject}: {entry.reason}" for entry in pair.unknown)
        )
        yield Case("image", f"Linux {kernel} with {image}", "the image's tools and the kernel fit", status, reason, own)
