"""Text for people: findings first, then what each kernel has, then every image with every kernel."""

from collections.abc import Iterator
from textwrap import fill

from auditor.report.audit.document import printable
from auditor.report.format import Style
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelFinding, KernelReport

_WIDTH = 100
_RED, _YELLOW, _GREEN, _DIM = "31;1", "33;1", "32;1", "2"
_COLOURS = {
    "error": _RED,
    "fail": _RED,
    "not-met": _RED,
    "warning": _YELLOW,
    "unknown": "33",
    "waived": "33",
    "note": "36",
    "pass": _GREEN,
    "met": "32",
    "dim": _DIM,
    "none": _DIM,
    "not-applicable": _DIM,
}


def write(report: KernelReport, style: Style) -> str:
    """The report as lines of text, with a newline at the end."""
    return "\n".join(_lines(report, style)) + "\n"


def _lines(report: KernelReport, style: Style) -> Iterator[str]:
    for index, kernel in enumerate(report.kernels):
        name = words.kernel_name(report, index)
        yield _folded(f"kernel  Linux {name}  ({words.kernel_facts(kernel)})", " " * 10)
    for index, image in enumerate(report.images):
        yield _folded(f"image   {words.image_name(report, index)}  ({words.image_facts(image)})", " " * 10)
    yield ""
    for finding in report.findings:
        if style.verbose or finding.severity != "note":
            yield from _finding(report, finding, style)
            yield ""
    yield from _requirements(report, style)
    yield ""
    yield from _matrix(report, style)
    for where, what, why in words.unknowns(report):
        yield _folded(f"unknown  {where}, {what}: {why}", " " * 9)
    notes = sum(entry.severity == "note" for entry in report.findings)
    hint = "  (--verbose shows the notes)" if notes and not style.verbose else ""
    yield f"findings  {words.counts(report.findings) or 'none'}{hint}"
    yield ""
    yield f"{_paint(report.verdict.upper(), report.verdict, style)}  {_safe(words.conclusion(report))}"


def _finding(report: KernelReport, finding: KernelFinding, style: Style) -> Iterator[str]:
    label = _paint(f"{finding.severity}[{finding.rule}]", finding.severity, style)
    row = f"  ({finding.requirement})" if finding.requirement else ""
    waived = f"  waived: {finding.waived_by}" if finding.waived_by else ""
    yield f"{label} {_safe(finding.subject + row + waived)}"
    yield _paint(_folded(f"  {words.about(report, finding)}", "    "), "dim", style)
    yield _folded(f"  {finding.message}", "  ")
    if finding.fix and finding.severity != "note":
        yield _folded(f"  fix: {finding.fix}", "       ")


def _requirements(report: KernelReport, style: Style) -> Iterator[str]:
    names = [_safe(words.kernel_name(report, index)) for index in range(len(report.kernels))]
    first = max(len("requirement"), *(len(row.id) for row in report.requirements))
    yield "  ".join([f"{'requirement':<{first}}", *names]).rstrip()
    for row in report.requirements:
        cells = []
        for name, answer in zip(names, row.kernels, strict=True):
            shown = words.STATUS[answer.status]
            cells.append(_paint(shown, answer.status, style) + " " * (len(name) - len(shown)))
        how = words.how(row.kernels[0].modules) if len(names) == 1 else ""
        line = f"{_safe(row.id):<{first}}  {'  '.join(cells)}"
        yield f"{line}  {_paint(how, 'dim', style)}".rstrip()
        if style.verbose:
            yield from _modules(report, row.id)


def _modules(report: KernelReport, row_id: str) -> Iterator[str]:
    row = next(row for row in report.requirements if row.id == row_id)
    for answer in row.kernels:
        for module in answer.modules:
            parts = (module.path, module.provider if module.provider != module.name else "", module.reason)
            where = "; ".join(filter(None, parts))
            name = words.kernel_name(report, answer.kernel)
            yield _safe(f"    {name}  {module.name}: {module.presence}{f'  ({where})' if where else ''}")


def _matrix(report: KernelReport, style: Style) -> Iterator[str]:
    for image in range(len(report.images)):
        yield _safe(words.image_name(report, image))
        for kernel in range(len(report.kernels)):
            cell = words.cell(report, kernel, image)
            text = _paint(_safe(cell.text), cell.kind, style)
            yield f"  Linux {_safe(words.kernel_name(report, kernel))}  {text}"
        yield ""


def _folded(text: str, indent: str) -> str:
    shown = _safe(text)
    start = shown[: len(shown) - len(shown.lstrip())]
    return fill(shown.lstrip(), _WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)


def _paint(text: str, kind: str, style: Style) -> str:
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if style.colour and text else text


def _safe(text: str) -> str:
    """No control character of a kernel or an image reaches the terminal, and no line break of one makes a line."""
    shown: str = printable(text)
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)
