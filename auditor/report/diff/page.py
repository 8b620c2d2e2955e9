"""A diff as a page: what got worse first, packages and files that no contract names in the long tail."""

from collections.abc import Collection, Iterator, Sequence

from auditor.report.diff import words
from auditor.report.diff.model import Assessment, Change, Diff, DiffSide, Summary
from auditor.report.page import Cell, Lines, Page, Section, Table, Tile
from auditor.report.register import Style

_HEAD = ("change", "what", "old", "new", "why")


def page(diff: Diff, style: Style) -> Page:  # noqa: ARG001 - every page is asked for alike
    """The diff as a page."""
    return Page(
        title=f"Changes from {diff.old.reference} to {diff.new.reference}",
        verdict=diff.verdict,
        outcome=diff.verdict.upper(),
        conclusion=words.conclusion(diff),
        facts=(
            ("old", _side(diff.old)),
            ("new", _side(diff.new)),
            ("spec", diff.spec.label),
            ("findings", words.findings(diff.summary)),
            ("layers", words.layers(diff.layers)),
        ),
        tiles=tiles_of(diff.summary),
        sections=tuple(_sections(diff)),
    )


def _sections(diff: Diff) -> Iterator[Section]:
    yield from sections_of(diff.changes, diff.areas)
    if diff.notes:
        yield Section("Not compared", (Lines(diff.notes),))


def tiles_of(summary: Summary) -> tuple[Tile, ...]:
    """How many changes there are, by what they are worth."""
    return (
        Tile(summary.regressions, "regressions", "regression", "regression"),
        Tile(summary.improvements, "improvements", "improvement", "improvement"),
        Tile(summary.neutral, "other changes", "none", "other change"),
    )


def sections_of(changes: Sequence[Change], areas: Collection[str]) -> Iterator[Section]:
    """The changes under headings, worse first; what is of no area that decides is the long tail."""
    for assessment in ("regression", "improvement", "neutral"):
        yield from _assessed(words.assessed(changes, assessment), assessment, areas)


def _assessed(found: Sequence[Change], assessment: Assessment, areas: Collection[str]) -> Iterator[Section]:
    for area, changes in words.by_area(found):
        title = f"{words.TITLES[assessment]}: {area} ({len(changes)})"
        tail = assessment == "neutral" or not words.decides(changes[0], areas)
        yield Section(title, (_table(changes),), assessment, folded=tail)


def _table(changes: Sequence[Change]) -> Table:
    return Table(_HEAD, tuple(_row(change) for change in changes))


def _row(change: Change) -> tuple[Cell, ...]:
    return (
        Cell(f"{words.sign(change)} {words.heading(change)}"),
        Cell(words.subject(change), detail=", ".join(words.other_tools(change))),
        Cell(change.old or ""),
        Cell(change.new or ""),
        Cell(change.why),
    )


def _side(side: DiffSide) -> str:
    return f"{side.reference} ({words.side(side)})"
