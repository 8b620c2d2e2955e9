"""The words about a sweep that all formats for people share."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from auditor.finding import Finding
from auditor.report.conclusion import gate, images_told
from auditor.report.conclusion import outcome as outcome_of
from auditor.report.sweep.model import SweepImage, SweepPlatform, SweepReport
from auditor.report.words import few, plural
from auditor.severity import Severity

HEAD = ("image", "platform", "what fails", "verdict")


class Row(Struct, frozen=True):
    """One image on one platform, as a table has it. `kind` is `pass` or `fail`."""

    name: str
    platform: str
    why: str
    outcome: str
    kind: str


def rows(report: SweepReport) -> Iterator[Row]:
    """Every image on every platform; one that was not audited has one row, and so has what fails across platforms."""
    for image in report.images:
        if image.verdict == "not-audited":
            yield Row(image.name, "–", why_not(image), "NOT AUDITED", "fail")
            continue
        for one in image.platforms:
            yield Row(image.name, str(one.platform), why(image, one), outcome(image, one), one.verdict)
        if told := across(image):
            yield Row(image.name, "across", told, "FAIL", "fail")


def why_not(image: SweepImage) -> str:
    """Why an image was not audited, less the name or file that stands beside it already."""
    subject, _, rest = image.error.partition(": ")
    return rest if rest and f":{subject}:" in f":{image.name}:" else image.error


def title(report: SweepReport) -> str:
    """`40 images`."""
    return plural(len(report.images), "image")


def platforms(report: SweepReport) -> tuple[str, ...]:
    """Every platform that an image was audited for, in the order in which they come up."""
    return tuple(dict.fromkeys(str(one.platform) for image in report.images for one in image.platforms))


def across(image: SweepImage) -> str:
    """What fails across the platforms of an image, in short."""
    return _told(_failing(image, image.findings))


def outcome(image: SweepImage, one: SweepPlatform) -> str:
    """The verdict on one platform, with what was let through."""
    return outcome_of(one.verdict, one.findings, image.spec.options)


def why(image: SweepImage, one: SweepPlatform) -> str:
    """What makes one platform fail, in short; else how many rows are unknown, where some are."""
    unknown = plural(one.summary.unknown, "row") + " unknown" if one.summary.unknown else ""
    if one.verdict == "pass":
        return unknown
    return _told(_failing(image, one.findings)) or unknown


def _failing(image: SweepImage, findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.fails(gate(image.spec.options))]


def _told(findings: Iterable[Finding]) -> str:
    """`library-missing libelf.so.1, tool-missing ipset and 2 more`."""
    return few(dict.fromkeys(f"{finding.rule} {finding.subject}" for finding in findings))


def conclusion(report: SweepReport) -> str:
    """`2 of 40 images do not meet felix, 1 image not audited`."""
    summary = report.summary
    return images_told(summary.passed + summary.failed, summary.failed, summary.not_audited, report.spec.label)


def worth_saying(findings: Iterable[Finding], *, verbose: bool) -> Iterator[Finding]:
    """All but the notes; these too where somebody asks."""
    return (finding for finding in findings if verbose or finding.severity is not Severity.NOTE)
