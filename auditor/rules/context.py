"""What all rules are given beside their subject, and the words that they share."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from auditor.family import Family
from auditor.finding import Finding
from auditor.rules.model import find_rule
from auditor.severity import FailOn, Severity
from auditor.spec import Requirement, Spec


class Options(Struct, frozen=True):
    """How the spec is read: word for word (`strict`), for which IP families, and what fails.

    `require_platforms` are `os/arch[/variant]`. With `fail_on_unknown` a row that can't be known fails as well.
    """

    strict: bool = False
    ip_family: Family = Family.DUAL
    fail_on: FailOn = FailOn.ERROR
    require_platforms: tuple[str, ...] = ()
    chosen_platform: bool = False  # one platform of an index was asked for: the others are not missed
    fail_on_unknown: bool = False
    fail_on_from: str = ""  # the setting that `fail_on` came from, where the caller didn't say it himself
    modes: tuple[str, ...] | None = None  # of the spec's, those that count; None: its default
    cpu: tuple[tuple[str, str], ...] = ()  # (architecture, level): the oldest processor of the cluster
    suggest: bool = False  # where an image doesn't meet the spec, try it by those that the spec names instead

    def why_not(self, spec: Spec, row: Requirement) -> str:
        """Why a row of the spec is not applicable; "" where it is."""
        return row.why_not(self.ip_family, spec.default_modes if self.modes is None else self.modes)


def finding(
    rule_id: str,
    requirement: str | None,
    subject: str,
    message: str,
    *,
    severity: Severity | None = None,
    evidence: Mapping[str, Any] | None = None,
    layer: int | None = None,
    fix: str = "",
    affects: Sequence[str] = (),
) -> Finding:
    """A finding of a registered rule, at the rule's own severity unless another is given."""
    rule = find_rule(rule_id)
    if rule is None:
        raise KeyError(rule_id)
    return Finding(
        rule=rule_id,
        severity=severity or rule.severity,
        requirement=requirement,
        subject=subject,
        message=message,
        evidence=dict(evidence or {}),
        layer=layer,
        fix=fix or rule.mend,
        affects=tuple(entry for entry in dict.fromkeys(affects) if entry != requirement),
    )


def outcome(against: Sequence[Finding]) -> tuple[Literal["not-met", "waived"], str]:
    """What the findings against a row make of it, with the reason: waived where every one of them is."""
    for entry in against:
        if entry.waived_by is None:
            return "not-met", entry.message
    return "waived", f"waived: {against[0].waived_by}"


def enumerate_names(names: Sequence[str], most: int = 4) -> str:
    """`a, b and 3 more`: a list that fits a sentence."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
