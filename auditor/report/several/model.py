"""Several reports as a value; its JSON form is part of `audit-image schema report`."""

from dataclasses import dataclass
from typing import ClassVar

from auditor.report.model import IndexReport, Report, Verdict
from auditor.report.register import Kind

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class NotAudited:
    """An image that was asked for and not audited: `error` is the line that says what, where, and what to do."""

    reference: str
    error: str


@dataclass(frozen=True, slots=True)
class SeveralReports:
    """The reports in the order in which the images were named. `verdict` is `pass` only where all were audited."""

    verdict: Verdict
    images: tuple[Report | IndexReport, ...]
    not_audited: tuple[NotAudited, ...] = ()
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.SEVERAL


def gather(reports: tuple[Report | IndexReport, ...], not_audited: tuple[NotAudited, ...]) -> SeveralReports:
    """All that one call found: it passes where each image was audited and passes."""
    passed = not not_audited and all(report.verdict == "pass" for report in reports)
    return SeveralReports("pass" if passed else "fail", reports, not_audited)
