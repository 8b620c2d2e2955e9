"""Text for people: what got worse first, each with the reason; then what got better, then the rest in short."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from textwrap import fill

from auditor.report.diff.format import words
from auditor.report.diff.model import Change, Diff
from auditor.report.document import printable
from auditor.report.format import Style

_WIDTH = 100
_SHOWN = 8  # changes of one kind without --verbose
_COLOURS = {"regression": "31;1", "improvement": "32;1", "neutral": "1", "fail": "31;1", "pass": "32;1", "dim": "2"}


def write(diff: Diff, style: Style) -> str:
    """The diff as lines of text, with a newline at the end."""
    return "\n".join(_lines(diff, style)) + "\n"


def _lines(diff: Diff, style: Style) -> Iterator[str]:
    yield f"old  {_safe(diff.old.reference)}  ({_safe(words.side(diff.old))})"
    yield f"new  {_safe(diff.new.reference)}  ({_safe(words.side(diff.new))})"
    yield ""
    for assessment in ("regression", "improvement"):
        changes = words.assessed(diff, assessment)
        if changes:
            yield _paint(f"{words.TITLES[assessment].lower()} ({len(changes)})", assessment, style)
            for change in changes:
                yield from _told(change, style)
            yield ""
    yield from _rest(diff, style)
    for note in diff.notes:
        yield _folded("note: ", note)
    if diff.notes:
        yield ""
    yield f"findings  {words.findings(diff)}"
    yield f"layers    {words.layers(diff.layers)}"
    yield ""
    yield f"{_paint(diff.verdict.upper(), diff.verdict, style)}  {words.conclusion(diff)}"


def _rest(diff: Diff, style: Style) -> Iterator[str]:
    changes = words.assessed(diff, "neutral")
    if not changes:
        return
    yield _paint(f"{words.TITLES['neutral'].lower()} ({len(changes)})", "neutral", style)
    for area, found in words.by_area(changes):
        yield _paint(f"  {area}", "dim", style)
        for _, alike in groupby(found, key=lambda change: change.kind):
            yield from _short(list(alike), style)
    yield ""


def _told(change: Change, style: Style) -> Iterator[str]:
    yield f"  {_summary(change, style)}"
    yield _folded("    ", change.why)


def _short(changes: list[Change], style: Style) -> Iterator[str]:
    shown = changes if style.verbose else changes[:_SHOWN]
    for change in shown:
        yield f"    {_summary(change, style)}"
        if style.verbose:
            yield _folded("      ", change.why)
    if len(changes) > len(shown):
        yield _paint(f"    and {len(changes) - len(shown)} more like this  (--verbose shows them)", "dim", style)


def _summary(change: Change, style: Style) -> str:
    what = _paint(f"{words.heading(change)}:", "dim", style)
    tools = [tool for tool in change.tools if tool != change.subject]
    concerned = f"  ({', '.join(tools)})" if tools else ""
    return f"{what} {_safe(change.subject)}{_values(change)}{_safe(concerned)}"


def _values(change: Change) -> str:
    if change.old is None or change.new is None:
        value = change.old if change.new is None else change.new
        return f"  {_safe(value)}" if value not in (None, change.subject) else ""
    return f"  {_safe(change.old)} → {_safe(change.new)}"


def _folded(indent: str, text: str) -> str:
    rest = " " * len(indent)
    return fill(_safe(text), _WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False)


def _paint(text: str, kind: str, style: Style) -> str:
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if style.colour and text else text


def _safe(text: str | Iterable[str] | None) -> str:
    """No control character of an image reaches the terminal, and no line break of one makes a line of ours."""
    shown: str = printable(text or "")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)
