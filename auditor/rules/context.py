"""What the rules for one image are given, and the words that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.image.model import Layer
from auditor.inventory.model import Binary, Inventory, Problem, Tool
from auditor.rules.model import Finding, Severity, find_rule
from auditor.spec import Family, Kind, Requirement, Spec

_SHOWN_COMMAND = 90


NEVER = "never"


@dataclass(frozen=True, slots=True)
class Options:
    """How the spec is read: word for word (`strict`), for which IP families, and what fails.

    `fail_on` is a severity's word, or `never`; `require_platforms` are `os/arch[/variant]`.
    """

    strict: bool = False
    ip_family: Family = Family.DUAL
    fail_on: str = Severity.ERROR.value
    require_platforms: tuple[str, ...] = ()
    chosen_platform: bool = False  # one platform of an index was asked for: the others are not missed


@dataclass(frozen=True, slots=True)
class ImageContext:
    """One image's inventory under one spec."""

    spec: Spec
    options: Options
    inventory: Inventory
    layers: tuple[Layer, ...]

    def rows(self, kind: Kind) -> tuple[Requirement, ...]:
        """The rows of a kind that hold for the IP family."""
        return tuple(row for row in self.spec.of_kind(kind) if row.holds_for(self.options.ip_family))

    def the_row(self, kind: Kind) -> str:
        """The id of the one row of a kind that every spec has."""
        return self.spec.of_kind(kind)[0].id

    def tool(self, name: str) -> Tool:
        """The tool of this name, without binaries where the image has none of it."""
        return self.inventory.tool(name) or Tool(name, None, (), (), "not in the image")

    def binaries(self, tools: Sequence[str]) -> tuple[Binary, ...]:
        """Every binary of these tools that is a program of its own (no applet, no script)."""
        found = (binary for name in tools for binary in self.tool(name).binaries)
        return tuple(binary for binary in found if binary.kind == "program")

    def problems_of(self, binary: Binary) -> tuple[Problem, ...]:
        """The load problems that stop this binary."""
        return tuple(entry for entry in self.inventory.problems if binary.resolved_path in entry.programs)

    def can_start(self, binary: Binary) -> bool:
        """Whether nothing that was found keeps this binary from starting."""
        return not any(problem.at_start for problem in self.problems_of(binary))

    def blame(self, layer: int | None) -> str:
        """`layer 3 (RUN rm …)`, or nothing where no layer is known."""
        if layer is None or layer >= len(self.layers):
            return ""
        command = " ".join(self.layers[layer].created_by.split())
        if len(command) > _SHOWN_COMMAND:
            command = command[: _SHOWN_COMMAND - 1] + "…"
        return f"layer {layer} ({command})" if command else f"layer {layer}"


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


def enumerate_names(names: Sequence[str], most: int = 4) -> str:
    """`a, b and 3 more`: a list that fits a sentence."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
