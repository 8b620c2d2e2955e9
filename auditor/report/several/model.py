"""Several reports as a value; its JSON form is part of `audit-image schema report`."""

from typing import ClassVar

from msgspec import Struct

from auditor.report.model import IndexReport, Report, Verdict
from auditor.report.register import Kind

SCHEMA_VERSION = "1"


class NotAudited(Struct, frozen=True):
    """An image that was asked for and not audited: `error` is the line that says what, where, and what to do."""

    reference: str
    error: str


class SeveralReports(Struct, frozen=True):
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
