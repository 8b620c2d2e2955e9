"""Several reports as a page: a table of the images, then what each one's page shows."""

from collections.abc import Iterator

from auditor.report.audit.page import page as report_page
from auditor.report.page import Cell, Lines, Page, Section, Table, Tile
from auditor.report.register import Style
from auditor.report.several import words
from auditor.report.several.model import SeveralReports
from auditor.report.words import plural


def page(several: SeveralReports, style: Style) -> Page:
    """The reports as a page."""
    failed = sum(report.verdict == "fail" for report in several.images)
    return Page(
        title=plural(len(several.images) + len(several.not_audited), "image"),
        verdict=several.verdict,
        outcome=several.verdict.upper(),
        conclusion=words.conclusion(several),
        facts=tuple(("spec", words.spec_of(report)) for report in several.images[:1]),
        tiles=(
            Tile(len(several.images) - failed, "images that pass", "pass", "image that passes"),
            Tile(failed, "images that fail", "fail", "image that fails"),
            Tile(len(several.not_audited), "not audited", "unknown"),
        ),
        sections=tuple(_sections(several, style)),
    )


def _sections(several: SeveralReports, style: Style) -> Iterator[Section]:
    rows = tuple((Cell(name), Cell(found), Cell(told, kind)) for name, found, told, kind in words.rows(several))
    yield Section("Images", (Table(words.HEAD, rows),))
    if several.not_audited:
        yield Section("Not audited", (Lines(tuple(one.error for one in several.not_audited)),), "fail")
    for report in sorted(several.images, key=lambda one: one.verdict == "pass"):
        name = words.name_of(report)
        yield from (section.under(name) for section in report_page(report, style).sections)
