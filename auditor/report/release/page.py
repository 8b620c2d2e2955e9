"""A diff of releases as a page: a table of the platforms, then what the diff of each one's page shows."""

from collections.abc import Iterator

from auditor.report.diff.page import page as diff_page
from auditor.report.diff.page import sections_of, tiles_of
from auditor.report.diff.words import findings
from auditor.report.page import Cell, Lines, Page, Section, Table
from auditor.report.register import Style
from auditor.report.release import words
from auditor.report.release.model import ReleaseDiff

_HEAD = ("platform", "regressions", "improvements", "other changes", "verdict")


def page(release: ReleaseDiff, style: Style) -> Page:
    """The diff as a page."""
    return Page(
        title=f"Changes from {release.old.reference} to {release.new.reference}",
        verdict=release.verdict,
        outcome=release.verdict.upper(),
        conclusion=words.conclusion(release),
        facts=(
            ("old", words.side(release.old)),
            ("new", words.side(release.new)),
            ("spec", release.spec.label),
            ("findings", findings(release.summary)),
        ),
        tiles=tiles_of(release.summary),
        sections=tuple(_sections(release, style)),
    )


def _sections(release: ReleaseDiff, style: Style) -> Iterator[Section]:
    yield Section("Platforms", (Table(_HEAD, tuple(_rows(release))),))
    yield from (entry.under("across platforms") for entry in sections_of(release.changes, release.areas))
    for diff in release.platforms:
        yield from (entry.under(str(diff.new.platform)) for entry in diff_page(diff, style).sections)
    if release.notes:
        yield Section("Not compared", (Lines(release.notes),))


def _rows(release: ReleaseDiff) -> Iterator[tuple[Cell, ...]]:
    for diff in release.platforms:
        found = diff.summary
        told = (found.regressions, found.improvements, found.neutral)
        yield (
            Cell(str(diff.new.platform)),
            *(Cell(str(number)) for number in told),
            Cell(diff.verdict.upper(), diff.verdict),
        )
