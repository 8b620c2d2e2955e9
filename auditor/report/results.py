"""What a document says to other programs: cases that hold or don't, and what was found, each with a lasting key."""

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from auditor.finding import Finding
from auditor.report.model import ReportRule
from auditor.report.register import Style
from auditor.severity import Severity


class Subject(Struct, frozen=True):
    """One thing that was judged. `digest` is `sha256:…` of its manifest, or of its config, or empty."""

    name: str
    digest: str = ""


class Result(Struct, frozen=True):
    """One thing that was found. `place` is the platform or kernel where there are several, `layer` words for people."""

    rule: str
    severity: Severity
    subject: str
    message: str
    place: str = ""
    layer: str = ""
    command: str = ""  # that made the layer
    fix: str = ""
    requirement: str = ""
    waived_by: str | None = None

    @property
    def key(self) -> str:
        """A fingerprint that stays while the fault does: it knows no digest, layer, line or wording."""
        parts = (self.rule, self.subject, self.requirement, self.place)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()

    @property
    def told(self) -> str:
        """The message, and the layer that it is about."""
        return f"{self.message} ({self.layer})" if self.layer else self.message


class Case(Struct, frozen=True):
    """One question with its answer. `status` is `met`, `not-met`, `waived`, `unknown` or `not-applicable`."""

    id: str
    group: str
    text: str
    status: str
    reason: str = ""
    results: tuple[Result, ...] = ()


class Results(Struct, frozen=True):
    """A whole document. `results` are all that was found, those of the cases among them."""

    name: str
    subjects: tuple[Subject, ...]
    spec: str
    spec_digest: str
    verdict: str
    outcome: str
    conclusion: str
    cases: tuple[Case, ...]
    results: tuple[Result, ...]
    rules: Mapping[str, ReportRule]


def source_of(result: Result, style: Style) -> tuple[str, int] | None:
    """The file and line that made the layer, where the Dockerfile is known and has it once."""
    line = style.dockerfile.line_of(result.command) if style.dockerfile and result.command else None
    return (style.dockerfile.path, line) if style.dockerfile and line else None


def result_of(finding: Finding, place: str = "", layer: str = "", command: str = "") -> Result:
    """A finding as a result."""
    return Result(
        rule=finding.rule,
        severity=finding.severity,
        subject=finding.subject,
        message=finding.message,
        place=place,
        layer=layer,
        command=command,
        fix=finding.fix,
        requirement=finding.requirement or "",
        waived_by=finding.waived_by,
    )
