"""Text about a diff of releases: what shows across platforms, each platform's diff, and a table of all at the end."""

from collections.abc import Iterator, Sequence

from auditor.report.diff.model import Change, Diff
from auditor.report.diff.text import changed
from auditor.report.diff.text import lines as diff_lines
from auditor.report.lines import Pen
from auditor.report.register import Style
from auditor.report.release import words
from auditor.report.release.model import ReleaseDiff


def lines(release: ReleaseDiff, style: Style) -> Iterator[str]:
    """The diff, line by line."""
    pen = Pen(style)
    yield pen.plain(f"old  {words.side(release.old)}")
    yield pen.plain(f"new  {words.side(release.new)}")
    yield ""
    if release.changes:
        yield _heading("across platforms", pen)
        yield from changed(release.changes, release.areas, pen)
    alike = _on_all(release.platforms)
    if alike:
        yield _heading(f"on all {len(release.platforms)} platforms", pen)
        yield from changed(alike, release.areas, pen)
    for diff in release.platforms:
        yield _heading(str(diff.new.platform), pen)
        yield from diff_lines(diff, style, frozenset(alike))
        yield ""
    for note in release.notes:
        yield from pen.folded(f"note: {note}", "      ")
    yield from _table(release, pen)
    yield ""
    yield pen.verdict(release.verdict, release.verdict.upper(), words.conclusion(release))


def _on_all(platforms: Sequence[Diff]) -> tuple[Change, ...]:
    """The changes that every platform has, word for word; none where there is but one platform."""
    if len(platforms) <= 1:
        return ()
    everywhere = frozenset.intersection(*(frozenset(diff.changes) for diff in platforms))
    return tuple(change for change in platforms[0].changes if change in everywhere)


def _heading(text: str, pen: Pen) -> str:
    return pen.painted(f"── {text} {'─' * 40}", "dim")


def _table(release: ReleaseDiff, pen: Pen) -> Iterator[str]:
    rows = [("platform", "regressions", "improvements", "other changes", "verdict")]
    for diff in release.platforms:
        found = diff.summary
        told = (str(found.regressions), str(found.improvements), str(found.neutral))
        rows.append((str(diff.new.platform), *told, diff.verdict.upper()))
    yield from pen.table(rows, kinds=[None, *(diff.verdict for diff in release.platforms)])
