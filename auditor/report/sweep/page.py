"""A sweep as a page: the matrix of images by platforms first, then how the versions of each tool went."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.report.page import Cell, Findings, Found, Lines, Page, Section, Table, Tile
from auditor.report.register import Style
from auditor.report.sweep import words
from auditor.report.sweep.model import SweepImage, SweepPlatform, SweepReport, SweepTool
from auditor.report.words import few


def page(report: SweepReport, style: Style) -> Page:
    """The sweep as a page; notes only where the style is verbose."""
    summary = report.summary
    return Page(
        title=words.title(report),
        verdict=report.verdict,
        outcome=report.verdict.upper(),
        conclusion=words.conclusion(report),
        facts=(("spec", report.spec.label),),
        tiles=(
            Tile(summary.passed, "images that pass", "pass", "image that passes"),
            Tile(summary.failed, "images that fail", "fail", "image that fails"),
            Tile(summary.not_audited, "not audited", "unknown"),
        ),
        sections=tuple(_sections(report, style)),
    )


def _sections(report: SweepReport, style: Style) -> Iterator[Section]:
    yield Section("Images by platform", (_matrix(report),))
    missed = tuple(f"{image.name}: {words.why_not(image)}" for image in report.images if image.verdict == "not-audited")
    if missed:
        yield Section(f"Not audited ({len(missed)})", (Lines(missed),), "fail")
    yield from _versions(report)
    found = _findings(report, style)
    if found:
        yield Section(f"Findings ({len(found)})", (Findings(found),))


def _matrix(report: SweepReport) -> Table:
    platforms = words.platforms(report)
    rows = []
    for image in report.images:
        by_platform = {str(one.platform): one for one in image.platforms}
        if image.verdict == "not-audited":
            cells = [Cell("not audited", "unknown") for _ in platforms]
        else:
            cells = [_verdict(image, by_platform.get(name)) for name in platforms]
        across = words.across(image)
        rows.append((Cell(image.name, "fail" if across else "", across), *cells))
    return Table(("image", *platforms), tuple(rows))


def _verdict(image: SweepImage, one: SweepPlatform | None) -> Cell:
    if one is None:
        return Cell("–")
    return Cell(words.outcome(image, one), one.verdict, words.why(image, one))


def _versions(report: SweepReport) -> Iterator[Section]:
    """A table for each platform, of the images that have it: what changed from one to the next stands out."""
    for platform in words.platforms(report):
        history = [
            (image.name, {tool.name: tool for tool in one.tools})
            for image in report.images
            for one in image.platforms
            if str(one.platform) == platform
        ]
        names = tuple(dict.fromkeys(name for _, tools in history for name in tools))
        rows = []
        before: dict[str, str] = {}
        for image, tools in history:
            told = {name: _version(tools.get(name)) for name in names}
            rows.append((Cell(image), *(_changed(told[name], before.get(name)) for name in names)))
            before = told
        if names:
            yield Section(f"Versions of the tools on {platform}", (Table(("image", *names), tuple(rows)),))


def _version(tool: SweepTool | None) -> str:
    if tool is None or not tool.present:
        return "–"
    return " ".join(filter(None, (tool.version or "unknown", tool.flavour and f"({tool.flavour})")))


def _changed(now: str, before: str | None) -> Cell:
    if before is None or now == before:
        return Cell(now, "missing" if now == "–" else "")
    return Cell(now, "missing" if now == "–" else "neutral", f"was {before}" if before != "–" else "new")


def _findings(report: SweepReport, style: Style) -> tuple[Found, ...]:
    """Each once, with the images and platforms that have it."""
    places: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for image in report.images:
        groups = [(image.name, image.findings)]
        groups += [(f"{image.name} on {one.platform}", one.findings) for one in image.platforms]
        for where, findings in groups:
            for finding in words.worth_saying(findings, verbose=style.verbose):
                key = (*finding.sort_key, finding.requirement, finding.waived_by)
                places.setdefault(key, (finding, []))[1].append(where)
    found = sorted(places.values(), key=lambda entry: entry[0].sort_key)
    return tuple(Found(finding, few(where)) for finding, where in found)
