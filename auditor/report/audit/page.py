"""A report on an image or an index as a page: what is not met first, what a reader may look up last."""

from collections.abc import Iterable, Iterator

from auditor.finding import Finding
from auditor.image.model import Layer
from auditor.report.audit import words
from auditor.report.audit.tree import closure_tree, lacks, others_lacking
from auditor.report.conclusion import findings_told
from auditor.report.model import IndexReport, Report, ReportRequirement
from auditor.report.page import (
    Branch,
    Cell,
    Findings,
    Found,
    Lines,
    Mark,
    MatrixRow,
    Page,
    Section,
    Step,
    Table,
    Tile,
    Timeline,
    Tree,
)
from auditor.report.register import Style
from auditor.report.words import listed, plural, size
from auditor.severity import Severity

_OPEN = ("not-met", "unknown", "waived")


def page(report: Report | IndexReport, style: Style) -> Page:
    """The report as a page; notes only where the style is verbose."""
    if isinstance(report, IndexReport):
        platforms = sorted(report.platforms, key=lambda one: one.verdict == "pass")
        sections = (*_across(report, style), *(entry for one in platforms for entry in _platform(one, style)))
        facts = _index_facts(report)
    else:
        sections = tuple(_sections(report, style))
        facts = _facts(report)
    return Page(
        title=words.title(report),
        verdict=report.verdict,
        outcome=words.outcome(report),
        conclusion=words.conclusion(report),
        facts=facts,
        tiles=_tiles(report),
        sections=sections,
        matrix=() if isinstance(report, IndexReport) else _matrix(report.requirements),
    )


def _tiles(report: Report | IndexReport) -> tuple[Tile, ...]:
    each = report.platforms if isinstance(report, IndexReport) else (report,)
    findings = words.all_findings(report)
    counts = {
        severity: sum(entry.severity is severity and not entry.waived_by for entry in findings) for severity in Severity
    }
    return (
        Tile(counts[Severity.ERROR], "errors", "error", "error"),
        Tile(counts[Severity.WARNING], "warnings", "warning", "warning"),
        Tile(sum(one.summary.not_met for one in each), "rows not met", "not-met", "row not met"),
        Tile(sum(one.summary.unknown for one in each), "rows unknown", "unknown", "row unknown"),
        Tile(sum(one.summary.waived for one in each), "rows waived", "waived", "row waived"),
        Tile(sum(one.summary.met for one in each), "rows met", "met", "row met"),
    )


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    image = report.image
    facts = (
        ("image", image.reference),
        ("source", image.source),
        ("digest", image.digest or (f"{image.config_digest} (of the config)" if image.config_digest else "")),
        ("platform", str(image.platform)),
        ("distribution", report.inventory.distribution.name),
        ("spec", report.spec.label),
        *(("note", remark) for remark in report.image.remarks),
    )
    return tuple((name, value) for name, value in facts if value)


def _index_facts(report: IndexReport) -> tuple[tuple[str, str], ...]:
    index = report.index
    spec = next((one.spec.label for one in report.platforms), "")
    facts = (("index", index.reference), ("source", index.source), ("digest", index.digest or ""), ("spec", spec))
    return tuple((name, value) for name, value in facts if value)


def _across(report: IndexReport, style: Style) -> Iterator[Section]:
    names = list(dict.fromkeys(tool.name for one in report.platforms for tool in one.tools))
    rows = []
    for one in report.platforms:
        versions = {tool.name: tool.version or ("unknown" if tool.binaries else "–") for tool in one.tools}
        cells = (Cell(versions.get(name, "–")) for name in names)
        rows.append((Cell(str(one.image.platform)), *cells, Cell(one.verdict.upper(), one.verdict)))
    yield Section("Platforms", (Table(("platform", *names, "verdict"), tuple(rows)),))
    yield from _findings("across platforms", report.findings, (), style)
    yield Section("Requirements by platform", (_by_platform(report.platforms),), folded=report.verdict == "pass")


def _by_platform(platforms: tuple[Report, ...]) -> Table:
    ids = dict.fromkeys(row.id for one in platforms for row in one.requirements)
    status = [{row.id: row.status for row in one.requirements} for one in platforms]
    rows = tuple(
        (Cell(name), *(Cell(words.STATUS.get(each.get(name, ""), "–"), each.get(name, "")) for each in status))
        for name in ids
    )
    return Table(("requirement", *(str(one.image.platform) for one in platforms)), rows)


def _matrix(rows: tuple[ReportRequirement, ...]) -> tuple[MatrixRow, ...]:
    """The rows by section, the sections in the order of the spec."""
    sections: dict[str, list[Mark]] = {}
    for at, row in enumerate(rows):
        mark = Mark(row.id, row.status, words.STATUS[row.status], f"r{at}")
        sections.setdefault(row.section, []).append(mark)
    return tuple(MatrixRow(section, tuple(marks)) for section, marks in sections.items())


def _platform(report: Report, style: Style) -> Iterator[Section]:
    name = str(report.image.platform)
    yield from (section.under(name) for section in _sections(report, style))


def _sections(report: Report, style: Style) -> Iterator[Section]:
    layers = report.image.layers
    yield from _findings("", report.findings, layers, style)
    told = [(at, row) for at, row in enumerate(report.requirements) if row.status in _OPEN]
    if told:
        yield Section(f"Requirements not met, unknown or waived ({len(told)})", (_rows(told),))
    yield Section("Tools", (_tools(report),))
    trees = sorted(_closures(report), key=lambda tree: not lacks(tree))
    lacking = sum(map(lacks, trees))
    if trees:
        title = f"Libraries of the programs ({len(trees)}" + (f", {lacking} with missing ones)" if lacking else ")")
        yield Section(title, (Tree(tuple(trees)),), folded=not lacking)
    if layers:
        yield Section(f"Layers ({len(layers)})", (_layers(layers, report),), folded=True)
    rest = [(at, row) for at, row in enumerate(report.requirements) if row.status not in _OPEN]
    yield Section(f"Other requirements ({len(rest)})", (_rows(rest),), folded=True)
    if report.inventory.package_warnings:
        yield Section("Package database", (Lines(report.inventory.package_warnings),))


def _findings(where: str, findings: tuple[Finding, ...], layers: tuple[Layer, ...], style: Style) -> Iterator[Section]:
    shown = [entry for entry in findings if style.verbose or entry.severity is not Severity.NOTE]
    if shown:
        found = tuple(Found(entry, words.layer_of(entry.layer, layers)) for entry in shown)
        yield Section(f"Findings {where}".strip() + f" ({len(shown)})", (Findings(found),))


def _rows(rows: Iterable[tuple[int, ReportRequirement]]) -> Table:
    """Rows with their place in the report."""
    rows = tuple(rows)
    return Table(
        ("status", "requirement", "wanted", "there is"),
        tuple(
            (Cell(words.STATUS[row.status], row.status), Cell(row.id), Cell(row.text), Cell(row.reason))
            for _, row in rows
        ),
        tuple(f"r{at}" for at, _ in rows),
    )


def _tools(report: Report) -> Table:
    rows = []
    for tool in report.concerned_tools:
        first = tool.binaries[0] if tool.binaries else None
        version = Cell(tool.version) if tool.version else Cell("unknown", "unknown", tool.reason)
        flavours = ", ".join(sorted({binary.flavour for binary in tool.binaries if binary.flavour}))
        layer = words.layer_number(first.layer if first else None, report.image.layers)
        path, package = (first.path, first.package or "") if first else ("", "")
        rows.append((Cell(tool.name), version, Cell(flavours), Cell(path), Cell(package), Cell(layer)))
    return Table(("tool", "version", "flavours", "path", "package", "layer"), tuple(rows))


def _layers(layers: tuple[Layer, ...], report: Report) -> Timeline:
    """What each layer wrote and deleted of what the spec asks for, from the first to the last."""
    return Timeline(tuple(_step(layer, layers, report) for layer in layers))


def _step(layer: Layer, layers: tuple[Layer, ...], report: Report) -> Step:
    here = layer.index
    tools = [tool.name for tool in report.tools if any(binary.layer == here for binary in tool.binaries)]
    written = [entry.path for entry in report.inventory.objects if entry.layer == here]
    files = plural(len(written), "program or library of the tools", "programs and libraries of the tools")
    deleted = (place.path for entry in report.inventory.whereabouts for place in entry.gone if place.layer == here)
    return Step(
        title=words.layer_number(here, layers),
        size=size(layer.size),
        command=" ".join(layer.created_by.split()),
        wrote=listed((*tools, files if written else "")),
        written=tuple(sorted(written)),
        deleted=tuple(dict.fromkeys(deleted)),
        found=_blamed(here, report),
    )


def _blamed(layer: int, report: Report) -> Cell:
    found = [entry for entry in report.findings if entry.layer == layer and entry.severity is not Severity.NOTE]
    worst = min((entry.severity for entry in found), key=lambda severity: severity.rank, default=None)
    return Cell(findings_told(found), worst.value if worst else "")


def _closures(report: Report) -> Iterator[Branch]:
    seen = set()
    for tool in report.tools:
        for binary in tool.binaries:
            if binary.resolved_path not in seen and (binary.closure or binary.kind == "program"):
                seen.add(binary.resolved_path)
                yield closure_tree(report.inventory, binary)
    yield from others_lacking(report.inventory, seen)
