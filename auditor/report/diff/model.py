"""The diff as a value; its JSON form is this, field by field (`audit-image schema diff`)."""

from typing import ClassVar, Literal

from msgspec import Struct, field

from auditor.image.model import Platform
from auditor.inventory.model import Distribution
from auditor.report.model import ReportRule, ReportSpec, Verdict
from auditor.report.register import Kind
from auditor.severity import Severity

SCHEMA_VERSION = "1"
Assessment = Literal["regression", "improvement", "neutral"]
Gate = Literal["regression", "any", "never"]


class Change(Struct, frozen=True):
    """One change: what it was, what it is, whether that is worse and why.

    `old` None: it was not there before; `new` None: it is not there any more. `tools` are the documented tools
    that it concerns.
    """

    kind: str
    subject: str
    old: str | None
    new: str | None
    assessment: Assessment
    why: str
    tools: tuple[str, ...] = ()


class DiffSide(Struct, frozen=True):
    """One of the two images, and whether it meets the spec by itself."""

    reference: str
    source: str
    digest: str | None
    config_digest: str | None
    platform: Platform
    distribution: Distribution
    verdict: Verdict


class LayerSummary(Struct, frozen=True):
    """How many layers the images share, and the stored bytes of those that they don't; None where not all say."""

    shared: int
    removed: int
    added: int
    bytes_shared: int | None
    bytes_removed: int | None
    bytes_added: int | None


class UnchangedFinding(Struct, frozen=True):
    """A finding that both images have, as the new one's report words it."""

    rule: str
    severity: Severity
    requirement: str | None
    subject: str
    message: str
    waived_by: str | None


class Summary(Struct, frozen=True):
    """How many changes of each assessment, and how many findings are as they were."""

    regressions: int
    improvements: int
    neutral: int
    findings_new: int
    findings_fixed: int
    findings_unchanged: int


class Diff(Struct, frozen=True):
    """Two images compared under one spec. `notes` say what could not be compared."""

    old: DiffSide
    new: DiffSide
    spec: ReportSpec
    fail_on: Gate
    verdict: Verdict
    summary: Summary
    layers: LayerSummary
    changes: tuple[Change, ...]
    unchanged: tuple[UnchangedFinding, ...]
    notes: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()  # whose changes decide the verdict
    rules: dict[str, ReportRule] = field(default_factory=dict)  # of the findings in it, by id
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.DIFF
