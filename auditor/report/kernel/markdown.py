"""Markdown that can be pasted into release notes: GitHub's dialect, with everything that was read escaped."""

from collections.abc import Iterable, Iterator

from auditor.report.audit.document import printable
from auditor.report.format import Style
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelReport

_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_HARMLESS = frozenset("\"'(),./:;=%+?-")
_SEVERITIES = ("error", "warning")


def write(report: KernelReport, style: Style) -> str:
    """The report as a Markdown document; notes only where the style is verbose."""
    return "\n".join(_lines(report, style)) + "\n"


def _lines(report: KernelReport, style: Style) -> Iterator[str]:
    yield "## Kernels and images" if report.images else "## Kernels"
    yield ""
    yield f"**{report.verdict.upper()}**: {_text(words.conclusion(report))}."
    kernels = range(len(report.kernels))
    names = [words.kernel_name(report, index) for index in kernels]
    if report.images:
        yield ""
        yield _row(["image", *(f"Linux {name}" for name in names)])
        yield _row("---" for _ in ("image", *names))
        for image, facts in enumerate(report.images):
            cells = [words.cell(report, kernel, image) for kernel in kernels]
            shown = [f"**{_text(cell.text)}**" if cell.kind == "fail" else _text(cell.text) for cell in cells]
            yield f"| {_text(words.image_name(report, image))} ({_text(words.tools(facts))}) | {' | '.join(shown)} |"
    yield ""
    yield _row(["requirement", *(f"Linux {name}" for name in names)])
    yield _row("---" for _ in ("requirement", *names))
    for row in report.requirements:
        statuses = [words.STATUS[answer.status] for answer in row.kernels]
        shown = [f"**{status}**" if status == "not met" else _text(status) for status in statuses]
        yield f"| {_text(row.id)} | {' | '.join(shown)} |"
    found = [entry for entry in report.findings if style.verbose or entry.severity in _SEVERITIES]
    if found:
        yield ""
        yield f"### Findings ({len(found)})"
        yield ""
        yield _row(["severity", "rule", "subject", "where", "what"])
        yield _row(["---"] * 5)
        for entry in found:
            waived = f" Waived: {entry.waived_by}." if entry.waived_by else ""
            where = words.about(report, entry)
            yield _row([entry.severity, entry.rule, entry.subject, where, entry.message + waived])
    unknown = list(words.unknowns(report))
    if unknown:
        yield ""
        yield f"### Unknown ({len(unknown)})"
        yield ""
        yield from (f"- {_text(where)}, {_text(what)}: {_text(why)}" for where, what, why in unknown)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell if cell == '---' else _text(cell) for cell in cells)} |"


def _text(text: str) -> str:
    """Plain text in any place: nothing in it is markup, an HTML tag, a mention, a link, or the end of a cell."""
    shown: str = printable(text)
    visible = (char if char.isprintable() else repr(char)[1:-1] for char in shown)
    return "".join(map(_escaped, "".join(visible))).replace("://", ":&#47;/")


def _escaped(char: str) -> str:
    if char in "&<>@#":
        return f"&#{ord(char)};"
    return f"\\{char}" if char in _ASCII_PUNCTUATION and char not in _HARMLESS else char
