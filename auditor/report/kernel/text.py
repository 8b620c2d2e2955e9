"""Text about kernels: findings first, then what each kernel has, then every image with every kernel."""

from collections.abc import Iterator

from auditor.report.conclusion import outcome
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelReport
from auditor.report.lines import Pen
from auditor.report.register import Style
from auditor.severity import Severity


def lines(report: KernelReport, style: Style) -> Iterator[str]:
    """The report, line by line."""
    pen = Pen(style)
    for index, kernel in enumerate(report.kernels):
        name = words.kernel_name(report, index)
        yield from pen.folded(f"kernel  Linux {name}  ({words.kernel_facts(kernel)})", " " * 10)
    for index, image in enumerate(report.images):
        yield from pen.folded(f"image   {words.image_name(report, index)}  ({words.image_facts(image)})", " " * 10)
    yield ""
    for finding in report.findings:
        if style.verbose or finding.severity is not Severity.NOTE:
            yield from pen.finding(finding, words.about(report, finding))
            yield ""
    yield from _requirements(report, pen)
    yield ""
    yield from _matrix(report, pen)
    for where, what, why in words.unknowns(report):
        yield from pen.folded(f"unknown  {where}, {what}: {why}", " " * 9)
    notes = any(entry.severity is Severity.NOTE for entry in report.findings)
    hint = "  (--verbose shows the notes)" if notes and not style.verbose else ""
    yield f"findings  {words.counts(report.findings) or 'none'}{hint}"
    yield ""
    told = outcome(report.verdict, report.findings, report.spec.options)
    yield pen.verdict(report.verdict, told, words.conclusion(report))


def _requirements(report: KernelReport, pen: Pen) -> Iterator[str]:
    names = [pen.plain(words.kernel_name(report, index)) for index in range(len(report.kernels))]
    first = max(len("requirement"), *(len(row.id) for row in report.requirements))
    yield "  ".join([f"{'requirement':<{first}}", *names]).rstrip()
    for row in report.requirements:
        cells = []
        for name, answer in zip(names, row.kernels, strict=True):
            shown = words.STATUS[answer.status]
            cells.append(pen.painted(shown, answer.status) + " " * (len(name) - len(shown)))
        how = words.how(row.kernels[0].modules) if len(names) == 1 else ""
        line = f"{pen.plain(row.id):<{first}}  {'  '.join(cells)}"
        yield f"{line}  {pen.painted(how, 'dim')}".rstrip()
        if pen.style.verbose:
            yield from _modules(report, row.id, pen)


def _modules(report: KernelReport, row_id: str, pen: Pen) -> Iterator[str]:
    row = next(row for row in report.requirements if row.id == row_id)
    for answer in row.kernels:
        for module in answer.modules:
            parts = (module.path, module.provider if module.provider != module.name else "", module.reason)
            where = "; ".join(filter(None, parts))
            name = words.kernel_name(report, answer.kernel)
            yield pen.plain(f"    {name}  {module.name}: {module.presence}{f'  ({where})' if where else ''}")


def _matrix(report: KernelReport, pen: Pen) -> Iterator[str]:
    for image in range(len(report.images)):
        yield pen.plain(words.image_name(report, image))
        for kernel in range(len(report.kernels)):
            cell = words.cell(report, kernel, image)
            yield f"  Linux {pen.plain(words.kernel_name(report, kernel))}  {pen.painted(cell.text, cell.kind)}"
        yield ""
