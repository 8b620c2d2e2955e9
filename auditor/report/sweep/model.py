"""Many images as values; their JSON form is this, field by field (`audit-image schema sweep`).

An image is as small as a table, a page and a CI server need it: what `check` reports whole is not repeated here.
"""

from typing import ClassVar, Literal

from msgspec import Struct, field

from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.report.model import ReportRule, ReportSpec, ReportSummary, Verdict
from auditor.report.register import Kind

SCHEMA_VERSION = "1"
SweepVerdict = Literal["pass", "fail", "not-audited"]


class SweepTool(Struct, frozen=True):
    """A documented tool. `version` is None where the image has it and its version is unknown, or has it not."""

    name: str
    present: bool
    version: str | None
    flavour: str


class SweepRow(Struct, frozen=True):
    """A row of the spec that is not simply met."""

    id: str
    status: Literal["not-met", "waived", "unknown"]
    reason: str


class SweepPlatform(Struct, frozen=True):
    """One platform's image. `requirements` are the rows that are not met, waived or unknown."""

    platform: Platform
    digest: str | None
    config_digest: str | None
    verdict: Verdict
    summary: ReportSummary
    tools: tuple[SweepTool, ...]
    requirements: tuple[SweepRow, ...]
    findings: tuple[Finding, ...]


class SweepImage(Struct, frozen=True):
    """One name that was asked for: a line of `-o jsonl`.

    `identity` is the digest of what the name stood for (an index, a manifest, else a config), None where a source can
    tell it only by handing the image over. `judged_by` is a digest of all that decides beside the image: spec, options,
    waivers, limits, and the code. `findings` are those that only show across platforms. `error` is the line that says
    why it was not audited.
    """

    name: str
    verdict: SweepVerdict
    identity: str | None
    judged_by: str
    source: str
    spec: ReportSpec
    platforms: tuple[SweepPlatform, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: str = ""
    schema_version: str = SCHEMA_VERSION

    @property
    def every_finding(self) -> tuple[Finding, ...]:
        """Those across platforms, and those of each platform."""
        return (*self.findings, *(finding for one in self.platforms for finding in one.findings))


class SweepSummary(Struct, frozen=True):
    """How many images have each verdict."""

    images: int
    passed: int
    failed: int
    not_audited: int


class SweepReport(Struct, frozen=True):
    """All images in the order in which they were named. `verdict` is `pass` only where each was audited and passes."""

    verdict: Verdict
    spec: ReportSpec
    summary: SweepSummary
    images: tuple[SweepImage, ...]
    rules: dict[str, ReportRule] = field(default_factory=dict)  # of the findings, by id
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.SWEEP
