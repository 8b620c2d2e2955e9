"""`audit-image explain ID`: what a rule or requirement means, why it matters, how to mend it, how to waive it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import SpecOption, completing
from auditor.cli.output import echo
from auditor.errors import UsageError, did_you_mean
from auditor.report.words import fold

if TYPE_CHECKING:
    from auditor.rules import Rule
    from auditor.spec import Requirement, Spec


def _identifiers() -> tuple[str, ...]:
    from auditor.rules import rules  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    return (*(rule.id for rule in rules()), *(row.id for row in load_spec().requirements))


def explain(
    identifier: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="A rule id or a requirement id; none lists all.", autocompletion=completing(_identifiers)
        ),
    ] = None,
    spec: SpecOption = "calico-system-requirements",
) -> int:
    """Explain a rule or a requirement."""
    from auditor.rules import find_rule, rules  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    requirements = load_spec(spec)
    if identifier is None:
        width = max(len(entry.id) for entry in rules())
        for entry in rules():
            echo(f"{entry.id:<{width}}  {entry.severity:<7}  {entry.summary}")
        return 0
    rule = find_rule(identifier)
    row = requirements.find(identifier)
    if rule is None and row is None:
        known = [*(entry.id for entry in rules()), *(entry.id for entry in requirements.requirements)]
        raise UsageError(f"there is no rule or requirement '{identifier}'", "explain", _remedy(identifier, known))
    if rule is not None:
        echo(*_rule(rule, requirements))
    if row is not None:
        echo(*_row(row, requirements))
    return 0


def _remedy(identifier: str, known: Sequence[str]) -> str:
    """The shipped spec that has it, a near id, or where the lists are."""
    from auditor.spec import load_spec, shipped_specs  # noqa: PLC0415

    having = [name for name in shipped_specs() if load_spec(name).find(identifier)]
    if having:
        return f"it is in {' and '.join(having)}: add --spec {having[0]}"
    lists = "`audit-image explain` lists the rules, `audit-image spec show` the requirements"
    return did_you_mean(identifier, known) or lists


def _rule(rule: "Rule[object]", spec: "Spec") -> Iterator[str]:
    yield f"{rule.id} ({rule.severity})"
    yield ""
    yield from fold(rule.summary, 100)
    if rule.explanation:
        yield ""
        yield from fold(rule.explanation, 100)
    yield ""
    yield from fold(f"How to mend it: {rule.mend}", 100)
    incidents = [incident for incident in spec.incidents if incident.rule == rule.id]
    if incidents:
        yield ""
        yield "Seen in the field:"
        for incident in incidents:
            yield from fold(f"- {incident.reference}: {incident.summary}", 100, rest="  ")
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
    yield from fold(f'"{row.text}"', 100)
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
        "packages": ", ".join(f"{name} ({kind})" for kind, name in row.packages.items()),
        "version from": row.version_from or row.pattern,
        "path": row.path,
        "owner": row.owner,
        "mode": row.mode,
        "digest": row.digest,
        "plug-ins": f"{', '.join(row.plugins)} of {row.directory}" if row.plugins else "",
        "user": row.user or ("any but root" if row.non_root else ""),
        "entrypoint": " ".join(row.entrypoint),
        "command": " ".join(row.cmd),
        "ports": ", ".join(row.ports),
        "labels": ", ".join(row.labels),
        "environment": ", ".join(row.env),
        "processors": ", ".join(f"{level} ({name})" for name, level in row.cpu_floor.items()),
        "severity": row.severity or "",
        "kernel modules": ", ".join(row.needs.modules) if row.needs else "",
        "kernel config": ", ".join(spec.config_symbols(row.needs.modules)) if row.needs else "",
        "kernel version": row.needs.min_version if row.needs else "",
    }
    yield ""
    yield from (f"{name}: {value}" for name, value in asked.items() if value)
