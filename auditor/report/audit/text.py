"""Text for people: findings first, each with its layer and its mend; a good image fits on one screen."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from auditor.finding import Finding
from auditor.image.model import Layer
from auditor.inventory.model import Notice, Tool
from auditor.report.audit.document import printable
from auditor.report.format import Style
from auditor.report.model import IndexReport, Report, ReportImage, ReportWaiver

_WIDTH = 100
_SHORT_DIGEST = len("sha256:") + 12
_COLOURS = {"error": "31;1", "warning": "33;1", "note": "36", "fail": "31;1", "pass": "32;1", "dim": "2"}
_OWN_COLOURS = re.compile(r"(\x1b\[(?:" + "|".join([*_COLOURS.values(), "0"]) + ")m)")


def write(report: Report | IndexReport, style: Style) -> str:
    """The report as lines of text, with a newline at the end."""
    lines = _index(report, style) if isinstance(report, IndexReport) else _image(report, style)
    return "\n".join(_safe(line, style) for line in lines) + "\n"


def _index(report: IndexReport, style: Style) -> Iterator[str]:
    count = len(report.platforms)
    digest = f", {report.index.digest[:_SHORT_DIGEST]}" if report.index.digest else ""
    yield f"{report.index.reference}  ({report.index.source}{digest}, {count} platform{'' if count == 1 else 's'})"
    yield ""
    yield from _findings(report.findings, (), style)
    for platform in report.platforms:
        yield _paint(f"── {platform.image.platform} " + "─" * 40, "dim", style)
        yield from _image(platform, style)
        yield ""
    failed = [str(entry.image.platform) for entry in report.platforms if entry.verdict == "fail"]
    told = f"fails on {', '.join(failed)}" if failed else f"{count} platforms audited"
    yield f"{_verdict(report.verdict, style)}  {report.index.reference}: {told}"


def _image(report: Report, style: Style) -> Iterator[str]:
    count = len(report.image.layers)
    yield from _title(report.image, f"{report.image.platform}, {count} layer{'' if count == 1 else 's'}")
    yield ""
    shown = [entry for entry in report.findings if style.verbose or entry.severity != "note"]
    yield from _findings(shown, report.image.layers, style)
    for warning in report.inventory.package_warnings:
        yield f"{_paint('warning', 'warning', style)} package database {warning}"
    if report.inventory.package_warnings:
        yield ""
    yield from _waivers(report.waivers)
    yield from _tools(report, style)
    if style.verbose:
        yield from _notices(report.inventory.notices)
    yield from _summary(report, style)
    yield ""
    meets = "meets" if report.verdict == "pass" else "does not meet"
    yield f"{_verdict(report.verdict, style)}  {report.image.reference} {meets} {report.spec.name}"


def _title(image: ReportImage, what: str) -> Iterator[str]:
    digest = image.digest or image.config_digest or ""
    kind = "" if image.digest else "config "
    seen = f", {kind}{digest[:_SHORT_DIGEST]}" if digest else ""
    yield f"{image.reference}  ({image.source}{seen}, {what})"


def _verdict(verdict: str, style: Style) -> str:
    return _paint(verdict.upper(), verdict, style)


def _findings(findings: Iterable[Finding], layers: Sequence[Layer], style: Style) -> Iterator[str]:
    for entry in findings:
        label = _paint(f"{entry.severity}[{entry.rule}]", entry.severity, style)
        waived = f"  waived: {entry.waived_by}" if entry.waived_by else ""
        row = f"  ({entry.requirement})" if entry.requirement else ""
        yield f"{label} {entry.subject}{row}{waived}"
        yield fill(entry.message, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        if entry.layer is not None and entry.layer < len(layers):
            command = " ".join(layers[entry.layer].created_by.split())
            indent = "         "
            yield fill(f"  layer {entry.layer}: {command}", _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        if entry.fix and entry.severity != "note":
            yield fill(f"  fix: {entry.fix}", _WIDTH, subsequent_indent="       ", break_on_hyphens=False)
        yield ""


def _waivers(waivers: tuple[ReportWaiver, ...]) -> Iterator[str]:
    idle = [waiver for waiver in waivers if waiver.state != "used"]
    for waiver in idle:
        told = f"expired on {waiver.expires}" if waiver.state == "expired" else "matches nothing"
        yield f"waiver {told}: {waiver.rule} {waiver.subject} ({waiver.owner})"
    if idle:
        yield ""


def _tools(report: Report, style: Style) -> Iterator[str]:
    width = max((len(tool.name) for tool in report.tools), default=0)
    for tool in report.tools:
        version = tool.version or f"unknown ({tool.reason})"
        flavours = sorted({binary.flavour for binary in tool.binaries if binary.flavour})
        first = tool.binaries[0] if tool.binaries else None
        current = first.flavour if first and first.flavour else ""
        also = [flavour for flavour in flavours if flavour != current]
        flavour = f"  {current}{f' (also {chr(32).join(also)})' if also else ''}" if current else ""
        where = f"  {first.path}" if first else ""
        yield f"{tool.name:<{width}}  {version}{flavour}{_paint(where, 'dim', style)}"
        if style.verbose:
            yield from _binaries(tool)


def _binaries(tool: Tool) -> Iterator[str]:
    for binary in tool.binaries:
        arrow = f" -> {binary.resolved_path}" if binary.resolved_path != binary.path else ""
        layer = "" if binary.layer is None else f", layer {binary.layer}"
        yield f"    {binary.path}{arrow}  ({binary.kind}{layer}, {binary.package or 'no package database'})"
    objects = {entry.path: entry for binary in tool.binaries for entry in binary.closure}
    for path, entry in sorted(objects.items()):
        yield f"      {entry.soname} => {path}  ({entry.found_by})"


def _notices(notices: Sequence[Notice]) -> Iterator[str]:
    """What the loader lives with: libraries that may be loaded by name, ignored preloads and the like."""
    for notice in notices:
        level = f" [{notice.variant}]" if notice.variant else ""
        yield fill(
            f"loader  {notice.kind}{level}  {notice.path}: {notice.message}", _WIDTH, subsequent_indent="        "
        )


def _summary(report: Report, style: Style) -> Iterator[str]:
    yield ""
    counts: Counter[str] = Counter(row.status for row in report.requirements)
    words = ("met", "not-met", "waived", "unknown", "not-applicable")
    yield "requirements  " + ", ".join(f"{counts[word]} {word}" for word in words if counts[word])
    kernel = sum(row.kernel == "needs-kernel" for row in report.requirements)
    if kernel:
        yield f"kernel        {kernel} rows need a kernel to judge their other half (audit-image kernel)"
    severities: Counter[str] = Counter(entry.severity for entry in report.findings)
    found = ", ".join(f"{severities[word]} {word}{'' if severities[word] == 1 else 's'}" for word in severities)
    hint = "" if style.verbose or not severities["note"] else "  (--verbose shows the notes)"
    yield f"findings      {found or 'none'}{hint}"
    for row in report.requirements:
        if row.status == "unknown":
            yield f"unknown       {row.id}: {row.reason}"


def _paint(text: str, kind: str, style: Style) -> str:
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if style.colour and text else text


def _safe(line: str, style: Style) -> str:
    """No control character of an image reaches the terminal; only our own colours do."""
    parts = _OWN_COLOURS.split(printable(line)) if style.colour else [printable(line)]
    return "".join(part if index % 2 else _visible(part) for index, part in enumerate(parts))


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
