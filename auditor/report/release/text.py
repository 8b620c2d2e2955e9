"""Text about a diff of releases: what shows across platforms, each platform's diff, and a table of all at the end."""

from collections.abc import Iterator

from auditor.report.diff.text import judged
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
        yield pen.painted("── across platforms ───────────────────────────", "dim")
        yield from judged(release.changes, pen)
    for diff in release.platforms:
        yield pen.painted(f"── {diff.new.platform} {'─' * 40}", "dim")
        yield from diff_lines(diff, style)
        yield ""
    for note in release.notes:
        yield from pen.folded(f"note: {note}", "      ")
    yield from _table(release, pen)
    yield ""
    yield pen.verdict(release.verdict, release.verdict.upper(), words.conclusion(release))


def _table(release: ReleaseDiff, pen: Pen) -> Iterator[str]:
    rows = [("platform", "regressions", "improvements", "other changes", "verdict")]
    for diff in release.platforms:
        found = diff.summary
        told = (str(found.regressions), str(found.improvements), str(found.neutral))
        rows.append((str(diff.new.platform), *told, diff.verdict.upper()))
    yield from pen.table(rows, kinds=[None, *(diff.verdict for diff in release.platforms)])
