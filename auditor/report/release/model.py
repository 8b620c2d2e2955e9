"""The diff of two releases as a value; its JSON form is this, field by field (`audit-image schema diff`)."""

from typing import ClassVar

from msgspec import Struct, field

from auditor.image.model import Platform
from auditor.report.diff.model import Change, Diff, Gate, Summary
from auditor.report.model import ReportRule, ReportSpec, Verdict
from auditor.report.register import Kind

SCHEMA_VERSION = "1"


class ReleaseSide(Struct, frozen=True):
    """One of the two indexes, and whether it meets the spec on all its platforms."""

    reference: str
    source: str
    digest: str | None
    platforms: tuple[Platform, ...]
    verdict: Verdict


class ReleaseDiff(Struct, frozen=True):
    """Two indexes compared under one spec. `changes` only show across platforms; `platforms` has one diff for each."""

    old: ReleaseSide
    new: ReleaseSide
    spec: ReportSpec
    fail_on: Gate
    areas: tuple[str, ...]  # whose changes decide the verdict
    verdict: Verdict
    summary: Summary  # of the index and of all platforms
    changes: tuple[Change, ...]
    platforms: tuple[Diff, ...]
    notes: tuple[str, ...] = ()  # what could not be compared
    rules: dict[str, ReportRule] = field(default_factory=dict)  # of the findings in `changes`, by id
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.RELEASE
