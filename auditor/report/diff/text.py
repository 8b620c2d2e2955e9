"""Text for people: what got worse first, each with the reason; then what got better, then the rest in short."""

from collections.abc import Iterator
from itertools import groupby
from textwrap import fill

from auditor.report.audit.document import printable
from auditor.report.diff import words
from auditor.report.diff.model import Change, Diff
from auditor.report.format import Style

_WIDTH = 100
_LONGEST = 80  # characters of a value without --verbose
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
            for why, alike in groupby(changes, key=lambda change: change.why):
                yield from (f"  {_summary(change, style)}" for change in alike)
                yield _folded("    ", why)
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
    tools = words.other_tools(change)
    concerned = f"  ({', '.join(tools)})" if tools else ""
    return f"{what} {_value(words.subject(change), style)}{_values(change, style)}{_safe(concerned)}"


def _values(change: Change, style: Style) -> str:
    if change.old is None or change.new is None:
        value = change.old or change.new or change.subject
        return f"  {_value(value, style)}" if value != change.subject else ""
    return f"  {_value(change.old, style)} → {_value(change.new, style)}"


def _value(text: str, style: Style) -> str:
    shown = _safe(text)
    return shown if style.verbose or len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _folded(indent: str, text: str) -> str:
    rest = " " * len(indent)
    return fill(_safe(text), _WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False)


def _paint(text: str, kind: str, style: Style) -> str:
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if style.colour and text else text


def _safe(text: str) -> str:
    """No control character of an image reaches the terminal, and no line break of one makes a line of ours."""
    shown: str = printable(text)
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)
