"""Text about a diff: what got worse first, each with the reason; then what got better, then the rest in short."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import groupby

from auditor.report.diff import words
from auditor.report.diff.kinds import CONTRACT
from auditor.report.diff.model import Change, Diff
from auditor.report.lines import Pen
from auditor.report.register import Style

_LONGEST = 80  # characters of a value without --verbose
_SHOWN = 8  # changes of one kind without --verbose


def lines(diff: Diff, style: Style, elsewhere: Set[Change] = frozenset()) -> Iterator[str]:
    """The diff, line by line, but for changes that are told `elsewhere`."""
    pen = Pen(style)
    yield pen.plain(f"old  {diff.old.reference}  ({words.side(diff.old)})")
    yield pen.plain(f"new  {diff.new.reference}  ({words.side(diff.new)})")
    yield ""
    yield from changed([change for change in diff.changes if change not in elsewhere], diff.areas, pen)
    for note in diff.notes:
        yield from pen.folded(f"note: {note}", "      ")
    if diff.notes:
        yield ""
    yield f"findings  {words.findings(diff.summary)}"
    yield f"layers    {words.layers(diff.layers)}"
    yield ""
    yield pen.verdict(diff.verdict, diff.verdict.upper(), words.conclusion(diff))


def changed(found: Sequence[Change], areas: Collection[str], pen: Pen) -> Iterator[str]:
    """What got worse, then what got better, each with its cause, then the rest; `areas` are those that decide."""
    for assessment in ("regression", "improvement"):
        changes = words.assessed(found, assessment)
        told = [change for change in changes if pen.style.verbose or words.decides(change, areas)]
        if told:
            yield pen.painted(f"{words.TITLES[assessment].lower()} ({len(told)})", assessment)
            for why, alike in _by_cause(told).items():
                yield from (f"  {_summary(change, pen)}" for change in alike)
                yield from pen.folded(why, "    ", "    ")
            yield ""
        counted = [] if pen.style.verbose else [change for change in changes if not words.decides(change, areas)]
        if counted:
            yield pen.painted(f"{words.TITLES[assessment].lower()}, no part of the contract ({len(counted)})", "dim")
            yield from _counted(counted, pen)
            yield ""
    yield from _rest(words.assessed(found, "neutral"), pen)


def _by_cause(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """A cause is said once, below all that it changed."""
    causes: dict[str, list[Change]] = {}
    for change in changes:
        causes.setdefault(change.why, []).append(change)
    return causes


def _rest(changes: Sequence[Change], pen: Pen) -> Iterator[str]:
    if not changes:
        return
    yield pen.painted(f"{words.TITLES['neutral'].lower()} ({len(changes)})", "neutral")
    for area, found in words.by_area(changes):
        yield pen.painted(f"  {area}", "dim")
        if area not in CONTRACT and not pen.style.verbose:
            yield from _counted(found, pen)
            continue
        for _, alike in groupby(found, key=lambda change: change.kind):
            yield from _short(list(alike), pen)
    yield ""


def _counted(changes: Sequence[Change], pen: Pen) -> Iterator[str]:
    """What no contract names: how many there are of each kind."""
    counts = Counter(words.heading(change) for change in changes)
    told = ", ".join(f"{heading}: {count}" for heading, count in counts.items())
    yield from pen.folded(f"{told}  (--verbose lists them)", "      ", "    ")


def _short(changes: list[Change], pen: Pen) -> Iterator[str]:
    shown = changes if pen.style.verbose else changes[:_SHOWN]
    for change in shown:
        yield f"    {_summary(change, pen)}"
        if pen.style.verbose:
            yield from pen.folded(change.why, "      ", "      ")
    if len(changes) > len(shown):
        yield pen.painted(f"    and {len(changes) - len(shown)} more like this  (--verbose shows them)", "dim")


def _summary(change: Change, pen: Pen) -> str:
    what = pen.painted(f"{words.sign(change)} {words.heading(change)}:", "dim")
    tools = words.other_tools(change)
    concerned = f"  ({', '.join(tools)})" if tools else ""
    return f"{what} {_value(words.subject(change), pen)}{_values(change, pen)}{pen.plain(concerned)}"


def _values(change: Change, pen: Pen) -> str:
    if change.old is None or change.new is None:
        value = change.old or change.new or change.subject
        return f"  {_value(value, pen)}" if value != change.subject else ""
    return f"  {_value(change.old, pen)} → {_value(change.new, pen)}"


def _value(text: str, pen: Pen) -> str:
    shown = pen.plain(text)
    return shown if pen.style.verbose or len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
