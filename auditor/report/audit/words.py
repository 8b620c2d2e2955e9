"""The words about an image's report that all formats for people share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from auditor.finding import Finding
from auditor.image.model import Layer
from auditor.report.conclusion import not_met_told
from auditor.report.conclusion import outcome as conclusion_of
from auditor.report.model import IndexReport, Report, ReportRequirement
from auditor.report.words import listed, plural, short_digest

#: How people read a row's status.
STATUS = {
    "met": "met",
    "not-met": "not met",
    "waived": "waived",
    "unknown": "unknown",
    "not-applicable": "not applicable",
}
_SHOWN_ROWS = 3


def title(report: Report | IndexReport) -> str:
    """What was audited: `calico/node:v1  (registry, sha256:…, linux/amd64, 4 layers)`."""
    if isinstance(report, IndexReport):
        index = report.index
        parts = (index.source, short_digest(index.digest), plural(len(report.platforms), "platform"))
        return f"{index.reference}  ({listed(parts)})"
    image = report.image
    digest = short_digest(image.digest, image.config_digest)
    facts = (image.source, digest, str(image.platform), plural(len(image.layers), "layer"))
    return f"{image.reference}  ({listed(facts)})"


def layer_of(index: int | None, layers: Sequence[Layer]) -> str:
    """`layer 4 of 4: RUN rm …`; empty where no layer is known."""
    number = layer_number(index, layers)
    command = " ".join(layers[index or 0].created_by.split()) if number else ""
    return f"{number}: {command}" if command else number


def layer_number(index: int | None, layers: Sequence[Layer]) -> str:
    """`layer 4 of 4`, counted from 1 as people and progress do; empty where no layer is known."""
    return f"layer {index + 1} of {len(layers)}" if index is not None and index < len(layers) else ""


def conclusion(report: Report | IndexReport) -> str:
    """The last line behind the verdict: whether the spec is met, and what was let through and by which setting."""
    if isinstance(report, IndexReport):
        return _index_conclusion(report)
    name, spec = report.image.reference, report.spec.name
    aside = _aside(_unknown(report.requirements)) + _aside(_changed(report))
    if report.verdict == "fail":
        return f"{name} does not meet {spec}{_aside(_fits(report))}{aside}"
    if report.summary.not_met:
        return f"{name}: {not_met_told(report.summary, spec)}{_aside(_fits(report))}{aside}"
    return f"{name} meets {spec}{aside}"


def all_findings(report: Report | IndexReport) -> tuple[Finding, ...]:
    """The report's own findings and those of its platforms."""
    if isinstance(report, IndexReport):
        return report.findings + tuple(finding for each in report.platforms for finding in each.findings)
    return report.findings


def outcome(report: Report | IndexReport) -> str:
    """The verdict as its reader sees it, with what was let through."""
    return conclusion_of(report.verdict, all_findings(report), options(report))


def options(report: Report | IndexReport) -> Mapping[str, Any]:
    """How the spec was read: one way for all platforms of an index."""
    if isinstance(report, IndexReport):
        return report.platforms[0].spec.options if report.platforms else {}
    return report.spec.options


def _index_conclusion(report: IndexReport) -> str:
    name = report.index.reference
    failed = [str(each.image.platform) for each in report.platforms if each.verdict == "fail"]
    spec = report.platforms[0].spec.name if report.platforms else "the spec"
    unknown = sum(each.summary.unknown for each in report.platforms)
    aside = (f"; {plural(unknown, 'row')} unknown" if unknown else "") + _aside(_changed(report))
    if failed:
        return f"{name} does not meet {spec} on {', '.join(failed)}{aside}"
    if report.verdict == "fail":
        return f"{name} does not meet {spec} across its platforms{aside}"
    not_met = sum(each.summary.not_met for each in report.platforms)
    if not_met:
        return f"{name}: {plural(not_met, 'row')} of {spec} not met{aside}"
    return f"{name} meets {spec} on {plural(len(report.platforms), 'platform')}{aside}"


def _changed(report: Report | IndexReport) -> str:
    """What may be damaged in a way that no loader tells of: `2 files other than their packages put there`."""
    count = sum(finding.rule == "package-file-changed" for finding in all_findings(report))
    owners = "its package" if count == 1 else "their packages"
    return f"{plural(count, 'file')} other than {owners} put there" if count else ""


def _fits(report: Report) -> str:
    """`it meets calico-current (--spec calico-current --platform linux/amd64)`."""
    told = []
    for fit in report.fits:
        known = report.image.platform if report.image.platform.architecture else "OS/ARCH"
        platform = f" --platform {known}" if fit.one_platform else ""
        unknown = f", {plural(fit.unknown, 'row')} unknown" if fit.unknown else ""
        told.append(f"it meets {fit.spec}{unknown} (--spec {fit.spec}{platform})")
    return "; ".join(told)


def _aside(text: str) -> str:
    return f"; {text}" if text else ""


def _unknown(rows: Iterable[ReportRequirement]) -> str:
    """`2 rows unknown (tool.ipset, feature.ip_set)`."""
    unknown = [row.id for row in rows if row.status == "unknown"]
    if not unknown:
        return ""
    more = f" and {len(unknown) - _SHOWN_ROWS} more" if len(unknown) > _SHOWN_ROWS else ""
    return f"{plural(len(unknown), 'row')} unknown ({', '.join(unknown[:_SHOWN_ROWS])}{more})"
