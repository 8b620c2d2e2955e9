"""The words about several reports that all formats for people share."""

from collections.abc import Iterator

from auditor.report.audit import words
from auditor.report.conclusion import findings_told, images_told
from auditor.report.model import IndexReport, Report
from auditor.report.several.model import SeveralReports

HEAD = ("image", "findings", "verdict")


def name_of(report: Report | IndexReport) -> str:
    """The image, as it was asked for."""
    return report.index.reference if isinstance(report, IndexReport) else report.image.reference


def spec_of(report: Report | IndexReport) -> str:
    """The spec and its version."""
    judged = report.platforms[0].spec if isinstance(report, IndexReport) else report.spec
    return judged.label


def rows(several: SeveralReports) -> Iterator[tuple[str, str, str, str]]:
    """Image, findings, outcome, and the verdict's word: what was audited first, then what was not."""
    for report in several.images:
        found = findings_told(words.all_findings(report)) or "none"
        yield name_of(report), found, words.outcome(report), report.verdict
    for one in several.not_audited:
        yield one.reference, "–", "NOT AUDITED", "fail"


def conclusion(several: SeveralReports) -> str:
    """`2 of 3 images do not meet felix, 1 image not audited`."""
    failed = sum(report.verdict == "fail" for report in several.images)
    spec = next((spec_of(report) for report in several.images), "")
    return images_told(len(several.images), failed, len(several.not_audited), spec)
