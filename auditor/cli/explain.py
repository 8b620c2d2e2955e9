"""`audit-image explain ID`: what a rule or requirement means, why it matters, how to mend it, how to waive it."""

from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.rules import Rule
    from auditor.spec import Requirement, Spec


def explain(
    identifier: Annotated[
        str | None, typer.Argument(metavar="ID", help="A rule id or a requirement id; none lists all.")
    ] = None,
    spec: Annotated[str, typer.Option(help="The spec whose requirements are meant.")] = "calico-system-requirements",
) -> int:
    """Explain a rule or a requirement."""
    from auditor.rules import find_rule, rules  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    requirements = load_spec(spec)
    if identifier is None:
        width = max(len(entry.id) for entry in rules())
        for entry in rules():
            typer.echo(f"{entry.id:<{width}}  {entry.severity:<7}  {entry.summary}")
        return 0
    rule = find_rule(identifier)
    row = requirements.find(identifier)
    if rule is None and row is None:
        remedy = "`audit-image explain` lists the rules, `audit-image spec show` the requirements"
        raise UsageError(f"there is no rule or requirement '{identifier}'", "explain", remedy)
    if rule is not None:
        typer.echo("\n".join(_rule(rule, requirements)))
    if row is not None:
        typer.echo("\n".join(_row(row, requirements)))
    return 0


def _rule(rule: "Rule[object]", spec: "Spec") -> Iterator[str]:
    yield f"{rule.id} ({rule.severity})"
    yield ""
    yield fill(rule.summary, 100)
    if rule.explanation:
        yield ""
        yield fill(rule.explanation, 100)
    yield ""
    yield fill(f"How to mend it: {rule.mend}", 100)
    incidents = [incident for incident in spec.incidents if incident.rule == rule.id]
    if incidents:
        yield ""
        yield "Seen in the field:"
        for incident in incidents:
            yield fill(f"- {incident.reference}: {incident.summary}", 100, subsequent_indent="  ")
    yield ""
    yield "How to waive it, in a file given with --waivers:"
    yield ""
    yield "    [[waiver]]"
    yield f'    rule = "{rule.id}"'
    yield '    subject = "*"            # glob over the subject of the finding'
    yield '    reason = "why it is accepted"'
    yield '    owner = "who answers for it"'
    yield "    expires = 2030-01-31     # the last day on which it counts"


def _row(row: "Requirement", spec: "Spec") -> Iterator[str]:
    yield f'{row.id} ({row.kind}), section "{row.section}"'
    yield ""
    yield fill(f'"{row.text}"', 100)
    asked = {
        "programs": ", ".join(row.programs),
        "minimum": row.minimum,
        "libraries": ", ".join(row.sonames),
        "matches": ", ".join(row.extensions.match),
        "targets": ", ".join(row.extensions.target),
        "flavour": row.flavour or "",
        "link types": ", ".join(row.link_types),
        "IP families": ", ".join(row.families),
        "platforms": ", ".join(row.platforms),
        "kernel modules": ", ".join(row.needs.modules) if row.needs else "",
        "kernel config": ", ".join(spec.config_symbols(row.needs.modules)) if row.needs else "",
        "kernel version": row.needs.min_version if row.needs else "",
    }
    yield ""
    yield from (f"{name}: {value}" for name, value in asked.items() if value)
