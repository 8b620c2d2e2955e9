"""Text about an image: findings first, each with its layer and its mend; a good image fits on one screen."""

from collections.abc import Iterable, Iterator, Sequence

from auditor.finding import Finding
from auditor.image.model import Layer
from auditor.inventory.model import Binary, Inventory, Tool
from auditor.report.audit import words
from auditor.report.audit.tree import closure_tree
from auditor.report.conclusion import findings_told, rows_told
from auditor.report.lines import Pen
from auditor.report.model import IndexReport, Report, ReportRequirement, ReportWaiver
from auditor.report.register import Style
from auditor.report.words import listed, plural
from auditor.severity import Severity

#: Statuses of rows that are told without being asked for.
_TOLD = ("not-met", "unknown", "waived")


def lines(report: Report | IndexReport, style: Style) -> Iterator[str]:
    """The report, line by line."""
    pen = Pen(style)
    yield from _index(report, pen) if isinstance(report, IndexReport) else _image(report, pen)


def _index(report: IndexReport, pen: Pen) -> Iterator[str]:
    yield pen.plain(words.title(report))
    for absent in report.index.left_out:
        yield pen.plain(f"left out: {absent}, which the index names and the source does not hold")
    yield ""
    yield from _findings(report.findings, (), pen)
    for platform in report.platforms:
        yield pen.painted(f"── {platform.image.platform} {'─' * 40}", "dim")
        yield from _image(platform, pen)
        yield ""
    yield from _platforms(report, pen)
    yield ""
    yield pen.verdict(report.verdict, words.outcome(report), words.conclusion(report))


def _platforms(report: IndexReport, pen: Pen) -> Iterator[str]:
    """Platform by tool version by verdict, then how often each rule found something."""
    names = list(dict.fromkeys(tool.name for each in report.platforms for tool in each.tools))
    rows = [("platform", *names, "verdict")]
    for each in report.platforms:
        versions = {tool.name: tool.version or ("unknown" if tool.binaries else "–") for tool in each.tools}
        rows.append((str(each.image.platform), *(versions.get(name, "–") for name in names), each.verdict.upper()))
    yield from pen.table(rows, kinds=[None, *(each.verdict for each in report.platforms)])
    by_rule: dict[tuple[int, str], list[str]] = {}
    for each in report.platforms:
        for finding in each.findings:
            if finding.severity is not Severity.NOTE and not finding.waived_by:
                by_rule.setdefault((finding.severity.rank, finding.rule), []).append(str(each.image.platform))
    for finding in report.findings:
        by_rule.setdefault((finding.severity.rank, finding.rule), []).append("across platforms")
    if by_rule:
        yield ""
    for (_, rule), places in sorted(by_rule.items()):
        told = listed(
            f"{places.count(place)} on {place}" if place != "across platforms" else place
            for place in dict.fromkeys(places)
        )
        yield from pen.folded(f"{len(places):>4} {rule}  ({told})", "     ")


def _image(report: Report, pen: Pen) -> Iterator[str]:
    yield pen.plain(words.title(report))
    for remark in report.image.remarks:
        yield from pen.folded(remark, "      ", f"{pen.painted('note', 'note')}  ")
    yield ""
    shown = [entry for entry in report.findings if pen.style.verbose or entry.severity is not Severity.NOTE]
    yield from _findings(shown, report.image.layers, pen)
    for warning in report.inventory.package_warnings:
        yield f"{pen.painted('warning', 'warning')} {pen.plain('package database ' + warning)}"
    if report.inventory.package_warnings:
        yield ""
    if pen.style.quiet:
        yield pen.verdict(report.verdict, words.outcome(report), words.conclusion(report))
        return
    yield from _waivers(report.waivers, pen)
    yield from _rows(report, pen)
    yield from _tools(report, pen)
    if pen.style.verbose:
        yield from _closures(report, pen)
        yield from _notices(report.inventory, pen)
    yield ""
    yield from _summary(report, pen)
    yield ""
    yield pen.verdict(report.verdict, words.outcome(report), words.conclusion(report))


def _findings(findings: Iterable[Finding], layers: Sequence[Layer], pen: Pen) -> Iterator[str]:
    for entry in findings:
        yield from pen.finding(entry, words.layer_of(entry.layer, layers))
        yield ""


def _waivers(waivers: tuple[ReportWaiver, ...], pen: Pen) -> Iterator[str]:
    idle = [waiver for waiver in waivers if waiver.state != "used"]
    for waiver in idle:
        told = f"expired on {waiver.expires}" if waiver.state == "expired" else "matches nothing"
        yield pen.plain(f"waiver {told}: {waiver.rule} {waiver.subject} ({waiver.owner})")
    if idle:
        yield ""


def _rows(report: Report, pen: Pen) -> Iterator[str]:
    """The rows that need a look, each with what was wanted and what is there; with a verbose style a table of all."""
    told = [row for row in report.requirements if row.status in _TOLD]
    if told:
        yield "requirements not met, unknown or waived"
        for row in told:
            yield from _row(row, pen)
        yield ""
    if pen.style.verbose:
        yield "requirements"
        width = max(len(row.id) for row in report.requirements)
        for row in report.requirements:
            yield from _line(row, width, pen)
        yield ""


def _row(row: ReportRequirement, pen: Pen) -> Iterator[str]:
    yield f"  {pen.painted(words.STATUS[row.status], row.status)}  {pen.plain(row.id)}"
    yield from pen.folded(f"wanted    {row.text}", " " * 14, "    ")
    yield from pen.folded(f"there is  {row.reason}", " " * 14, "    ")


def _line(row: ReportRequirement, width: int, pen: Pen) -> Iterator[str]:
    status = words.STATUS[row.status]
    blanks = " " * (len(words.STATUS["not-applicable"]) - len(status))
    start = f"  {pen.painted(status, row.status)}{blanks}  {pen.plain(row.id):<{width}}  "
    yield from pen.folded(row.text, " " * (len(status + blanks) + width + 6), start)


def _tools(report: Report, pen: Pen) -> Iterator[str]:
    width = max((len(tool.name) for tool in report.concerned_tools), default=0)
    for tool in report.concerned_tools:
        version = tool.version or (f"unknown ({tool.reason})" if tool.binaries else tool.reason)
        first = tool.binaries[0] if tool.binaries else None
        where = f"  {first.path}" if first else ""
        told = pen.plain(f"{tool.name:<{width}}  {version}{_flavours(tool)}")
        yield told + pen.painted(where, "dim")


def _flavours(tool: Tool) -> str:
    first = tool.binaries[0] if tool.binaries else None
    if first is None or not first.flavour:
        return ""
    also = sorted({binary.flavour for binary in tool.binaries if binary.flavour} - {first.flavour})
    return f"  {first.flavour}{f' (also {chr(32).join(also)})' if also else ''}"


def _closures(report: Report, pen: Pen) -> Iterator[str]:
    """Every file that a tool's name runs with its own tree: the names of one file share it."""
    files: dict[str, list[Binary]] = {}
    for tool in report.tools:
        for binary in tool.binaries:
            files.setdefault(binary.resolved_path, []).append(binary)
    for binaries in files.values():
        first = binaries[0]
        names = ", ".join(dict.fromkeys(binary.path for binary in binaries))
        layer = words.layer_number(first.layer, report.image.layers)
        facts = listed((first.kind, layer, first.package or "no package database"))
        yield ""
        yield from pen.folded(f"{names}  ({facts})", "  ")
        yield from pen.tree(closure_tree(report.inventory, first))


def _notices(inventory: Inventory, pen: Pen) -> Iterator[str]:
    """What the loader lives with: libraries that may be loaded by name, ignored preloads and the like."""
    if inventory.notices:
        yield ""
    for notice in inventory.notices:
        level = f" [{notice.variant}]" if notice.variant else ""
        yield from pen.folded(f"loader  {notice.kind}{level}  {notice.path}: {notice.message}", " " * 8)


def _summary(report: Report, pen: Pen) -> Iterator[str]:
    yield f"requirements  {rows_told(report.summary)}"
    kernel = sum(row.kernel == "needs-kernel" for row in report.requirements)
    if kernel:
        yield f"kernel        {plural(kernel, 'row')} with a half that only a kernel can answer (audit-image kernel)"
    notes = any(entry.severity is Severity.NOTE for entry in report.findings)
    hint = "" if pen.style.verbose or not notes else "  (--verbose shows the notes)"
    yield f"findings      {findings_told(report.findings) or 'none'}{hint}"
