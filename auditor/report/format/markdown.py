"""Markdown of one screen for pull requests and release notes: GitHub's dialect, all from outside escaped."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.report.page import Block, Branch, Cell, Findings, Found, Lines, Page, Table, Timeline
from auditor.report.register import Style
from auditor.report.views import page_of
from auditor.report.words import listed
from auditor.report.words import markdown as plain

if TYPE_CHECKING:
    from auditor.report.register import Document

_STRONG = ("fail", "not-met")


def write(document: "Document", style: Style) -> str:
    """The document as Markdown; its long tail only where the style is verbose."""
    return "\n".join(_lines(page_of(document, style), style)) + "\n"


def _lines(page: Page, style: Style) -> Iterator[str]:
    yield f"## {plain(page.title)}"
    yield ""
    yield f"**{plain(page.outcome)}**: {plain(page.conclusion)}."
    counts = listed(f"{tile.count} {tile.words}" for tile in page.tiles if tile.count)
    if counts and not page.conclusion.startswith(counts):
        yield ""
        yield f"{plain(counts)}."
    yield ""
    yield from (f"- {plain(name)}: {plain(value)}" for name, value in page.facts)
    folded = []
    for section in page.sections:
        if section.folded and not style.verbose:
            folded.append(section.title)
            continue
        yield ""
        yield f"### {plain(section.title)}"
        for block in section.blocks:
            yield ""
            yield from _block(block, style)
    if folded:
        yield ""
        yield f"Not shown here: {plain('; '.join(folded))}."


def _block(block: Block, style: Style) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Findings):
        yield from _row(["severity", "rule", "subject", "where", "what"])
        yield from _row(["---"] * 5, escaped=True)
        for found in block.entries:
            yield from _row(_finding(found))
    elif isinstance(block, Lines):
        yield from (f"- {plain(line)}" for line in block.lines)
    elif isinstance(block, Timeline):
        yield from _timeline(block)
    else:
        for root in block.roots:
            yield from _branch(root, 0) if style.verbose else _missing(root)


def _timeline(block: Timeline) -> Iterator[str]:
    yield from _row(["layer", "size", "command", "wrote", "deleted", "findings"])
    yield from _row(["---"] * 6, escaped=True)
    for step in block.steps:
        cells = [step.title, step.size, step.command, step.wrote, listed(step.deleted), step.found.text]
        yield from _row(cells)


def _table(table: Table) -> Iterator[str]:
    yield from _row(list(table.head))
    yield from _row(["---"] * len(table.head), escaped=True)
    for row in table.rows:
        yield from _row([_cell(cell) for cell in row], escaped=True)


def _cell(cell: Cell) -> str:
    text = plain(cell.text)
    shown = f"**{text}**" if cell.kind in _STRONG and text else text
    return f"{shown} ({plain(cell.detail)})" if cell.detail else shown


def _finding(found: Found) -> list[str]:
    finding = found.finding
    waived = f" Waived: {finding.waived_by}." if finding.waived_by else ""
    return [finding.severity, finding.rule, finding.subject, found.where, finding.message + waived]


def _row(cells: list[str], *, escaped: bool = False) -> Iterator[str]:
    yield f"| {' | '.join(cells if escaped else map(plain, cells))} |"


def _missing(root: Branch) -> Iterator[str]:
    """A program that lacks libraries, with those alone and who needs them: whole trees are many screens."""
    found: dict[str, tuple[Branch, str]] = {}
    stack = [(entry, root.text) for entry in reversed(root.branches)]
    while stack:
        entry, needer = stack.pop()
        if entry.kind == "missing":
            found.setdefault(entry.text, (entry, needer))
        stack += [(below, entry.text) for below in reversed(entry.branches)]
    if found:
        yield f"- {plain(root.text)}"
    for entry, needer in found.values():
        told = listed((entry.note, f"needed by {needer}"))
        yield f"  - {plain(f'{entry.text} ({told})')}"


def _branch(branch: Branch, depth: int) -> Iterator[str]:
    stack = [(branch, depth)]
    while stack:
        entry, level = stack.pop()
        note = f" ({entry.note})" if entry.note else ""
        yield f"{'  ' * level}- {plain(entry.text + note)}"
        stack += [(below, level + 1) for below in reversed(entry.branches)]
