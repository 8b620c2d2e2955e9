"""A report on kernels as a page: the matrix of images by kernels first."""

from collections.abc import Iterator

from auditor.report.conclusion import outcome
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelAnswer, KernelReport
from auditor.report.page import Cell, Findings, Found, Lines, Page, Section, Table, Tile
from auditor.report.register import Style
from auditor.severity import Severity


def page(report: KernelReport, style: Style) -> Page:
    """The report as a page; notes only where the style is verbose."""
    summary = report.summary
    return Page(
        title="Kernels and images" if report.images else "Kernels",
        verdict=report.verdict,
        outcome=outcome(report.verdict, report.findings, report.spec.options),
        conclusion=words.conclusion(report),
        facts=(*_facts(report), ("spec", report.spec.label)),
        tiles=(
            Tile(summary.not_met, "not met", "not-met"),
            Tile(summary.unknown, "unknown", "unknown"),
            Tile(summary.waived, "waived", "waived"),
            Tile(summary.met, "met", "met"),
        ),
        sections=tuple(_sections(report, style)),
    )


def _sections(report: KernelReport, style: Style) -> Iterator[Section]:
    names = tuple(f"Linux {words.kernel_name(report, index)}" for index in range(len(report.kernels)))
    if report.images:
        rows = tuple(_image_row(report, index) for index in range(len(report.images)))
        yield Section("Images by kernel", (Table(("image", *names), rows),))
    shown = [entry for entry in report.findings if style.verbose or entry.severity is not Severity.NOTE]
    if shown:
        found = tuple(Found(entry, words.about(report, entry)) for entry in shown)
        yield Section(f"Findings ({len(shown)})", (Findings(found),))
    rows = tuple((Cell(row.id, detail=row.text), *map(_answer, row.kernels)) for row in report.requirements)
    yield Section("Requirements by kernel", (Table(("requirement", *names), rows),))
    unknown = [f"{where}, {what}: {why}" for where, what, why in words.unknowns(report)]
    if unknown:
        yield Section(f"Unknown ({len(unknown)})", (Lines(tuple(unknown)),))


def _image_row(report: KernelReport, image: int) -> tuple[Cell, ...]:
    cells = (words.cell(report, kernel, image) for kernel in range(len(report.kernels)))
    name = Cell(words.image_name(report, image), detail=words.tools(report.images[image]))
    return (name, *(Cell(cell.text, cell.kind, cell.why) for cell in cells))


def _answer(answer: KernelAnswer) -> Cell:
    return Cell(words.STATUS[answer.status], answer.status, words.how(answer.modules))


def _facts(report: KernelReport) -> Iterator[tuple[str, str]]:
    for index, kernel in enumerate(report.kernels):
        yield f"Linux {words.kernel_name(report, index)}", words.kernel_facts(kernel)
    for index, image in enumerate(report.images):
        yield words.image_name(report, index), words.image_facts(image)
