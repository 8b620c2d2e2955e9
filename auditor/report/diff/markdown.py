"""Markdown that can be pasted as release notes: GitHub's dialect, with everything from the image escaped."""

from collections.abc import Iterator, Sequence

from auditor.report.audit.document import printable
from auditor.report.diff import words
from auditor.report.diff.model import Change, Diff
from auditor.report.format import Style

_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_HARMLESS = frozenset("\"'(),./:;=%+?-")


def write(diff: Diff, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The diff as a Markdown document."""
    return "\n".join(_lines(diff)) + "\n"


def _lines(diff: Diff) -> Iterator[str]:
    yield f"## Changes from {_text(diff.old.reference)} to {_text(diff.new.reference)}"
    yield ""
    yield f"**{diff.verdict.upper()}**: {words.conclusion(diff)}."
    yield ""
    yield "| | image | source |"
    yield "|---|---|---|"
    for name, side in (("old", diff.old), ("new", diff.new)):
        yield f"| {name} | {_text(side.reference)} | {_text(words.side(side))} |"
    yield ""
    yield f"Findings: {words.findings(diff)}. Layers: {words.layers(diff.layers)}."
    for assessment in ("regression", "improvement", "neutral"):
        changes = words.assessed(diff, assessment)
        if changes:
            yield ""
            yield f"### {words.TITLES[assessment]} ({len(changes)})"
            yield from _areas(changes)
    if diff.notes:
        yield ""
        yield "### Not compared"
        yield ""
        yield from (f"- {_text(note)}" for note in diff.notes)


def _areas(changes: Sequence[Change]) -> Iterator[str]:
    for area, found in words.by_area(changes):
        yield ""
        yield f"**{area}**"
        yield ""
        yield "| change | what | old | new | why |"
        yield "|---|---|---|---|---|"
        yield from map(_row, found)


def _row(change: Change) -> str:
    tools, subject = words.other_tools(change), words.subject(change)
    subject = f"{subject} ({', '.join(tools)})" if tools else subject
    cells = (words.heading(change), subject, change.old or "", change.new or "", change.why)
    return f"| {' | '.join(map(_text, cells))} |"


def _text(text: str) -> str:
    """Plain text in any place: nothing in it is markup, an HTML tag, a mention, a link, or the end of a cell."""
    shown: str = printable(text)
    visible = (char if char.isprintable() else repr(char)[1:-1] for char in shown)
    return "".join(map(_escaped, "".join(visible))).replace("://", ":&#47;/")


def _escaped(char: str) -> str:
    if char in "&<>@#":
        return f"&#{ord(char)};"
    return f"\\{char}" if char in _ASCII_PUNCTUATION and char not in _HARMLESS else char
