"""A report in short, as a sweep keeps it of each image."""

from auditor.report.model import IndexReport, Report
from auditor.report.sweep.model import SweepImage, SweepPlatform, SweepRow, SweepTool


def in_short(found: Report | IndexReport, name: str, identity: str | None, judged_by: str) -> SweepImage:
    """An image's report, or that of all its platforms, as the line of a name that was asked for."""
    each = found.platforms if isinstance(found, IndexReport) else (found,)
    return SweepImage(
        name=name,
        verdict=found.verdict,
        identity=identity,
        judged_by=judged_by,
        source=found.index.source if isinstance(found, IndexReport) else found.image.source,
        spec=each[0].spec,
        platforms=tuple(map(_platform, each)),
        findings=found.findings if isinstance(found, IndexReport) else (),
    )


def _platform(report: Report) -> SweepPlatform:
    return SweepPlatform(
        platform=report.image.platform,
        digest=report.image.digest,
        config_digest=report.image.config_digest,
        verdict=report.verdict,
        summary=report.summary,
        tools=tuple(
            SweepTool(
                tool.name,
                bool(tool.binaries),
                tool.version,
                (tool.binaries[0].flavour or "") if tool.binaries else "",
            )
            for tool in report.concerned_tools
        ),
        requirements=tuple(
            SweepRow(row.id, row.status, row.reason)
            for row in report.requirements
            if row.status in ("not-met", "waived", "unknown")
        ),
        findings=report.findings,
    )
