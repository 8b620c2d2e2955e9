"""Whether an image's ipset gets along with a kernel's set types."""

from collections.abc import Iterable, Iterator

from auditor.finding import Finding
from auditor.kernel.model import Relation, SetTypeMatch
from auditor.rules.context import enumerate_names, finding
from auditor.rules.kernel.context import Outcome, PairContext, Unknown, findings_of
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.tools.project.ipset import IPSET

_RULE = "ipset-revision-unsupported"

_SHOWN = 6


@rule(
    _RULE,
    Severity.ERROR,
    Subject.PAIR,
    mend="Ship an ipset that is at least as new as the nodes' kernels.",
)
def ipset_revision_unsupported(context: PairContext) -> Iterator[Finding]:
    """The revisions of a set type that the image's ipset knows don't fit those of the kernel.

    Every type of set has revisions; kernel and userspace each know a range (ipset(8); `ipset help` prints
    userspace's, the modules' description the kernel's). Making a set takes the highest revision that both know:
    without one in common it fails, an error. Listing a set needs the very revision that it was made with: where the
    kernel's highest is above that of the image, a set that a newer ipset on the node made can't be listed from the
    image, and neither can any set beside it, a warning. The other way round nothing fails: a note, as where only
    one side knows a type.
    """
    return findings_of(look_at_set_types(context))


def look_at_set_types(context: PairContext) -> Iterator[Outcome]:
    """Every set type of the two, for rows that are about set types."""
    from auditor.kernel.settypes import compare_set_types  # noqa: PLC0415 - an image's own audit does without it

    rows = [row.id for row, _ in context.rows() if row.set_types]
    if not rows:
        return
    if not context.inventory.set_types:
        tool = context.inventory.tool(IPSET)
        there = tool is not None and bool(tool.binaries)
        told = "the set types of the image's ipset can't be read" if there else "the image has no ipset"
        yield Unknown(_RULE, IPSET, told)
        return
    matches = compare_set_types(context.kernel, context.inventory.set_types)
    unknown = {match.reason for match in matches if match.relation is Relation.UNKNOWN}
    for reason in sorted(unknown):
        names = [match.name for match in matches if match.relation is Relation.UNKNOWN and match.reason == reason]
        yield Unknown(_RULE, enumerate_names(names, _SHOWN), reason)
    for match in matches:
        if match.relation is Relation.DISJOINT:
            yield _disjoint(context, match, rows)
        elif match.relation is Relation.KERNEL_HIGHER:
            yield _kernel_higher(context, match, rows)
    yield from _notes(context, matches, rows)


def _disjoint(context: PairContext, match: SetTypeMatch, rows: list[str]) -> Finding:
    kernel, image = _range(match.kernel), _range(match.image)
    return finding(
        _RULE,
        rows[0],
        match.name,
        f"{context.shown} supports {match.name} at revision {kernel}, the image's {_ipset(context)} at {image}: "
        "no set of this type can be made or listed.",
        evidence=_evidence(match),
        fix=f"Ship an ipset that knows revision {_highest(match.kernel)} of {match.name}.",
        affects=rows[1:],
    )


def _kernel_higher(context: PairContext, match: SetTypeMatch, rows: list[str]) -> Finding:
    kernel, image = _highest(match.kernel), _highest(match.image)
    return finding(
        _RULE,
        rows[0],
        match.name,
        f"{context.shown} supports {match.name} up to revision {kernel}, the image's {_ipset(context)} up to {image}: "
        "where a newer ipset on the node has made such a set, listing from the image fails with `Kernel and userspace "
        f"incompatible: settype {match.name} with revision {kernel} not supported by userspace'.",
        severity=Severity.WARNING,
        evidence=_evidence(match),
        fix=f"Ship an ipset that knows revision {kernel} of {match.name}.",
        affects=rows[1:],
    )


def _notes(context: PairContext, matches: Iterable[SetTypeMatch], rows: list[str]) -> Iterator[Finding]:
    by_relation: dict[Relation, list[SetTypeMatch]] = {}
    for match in matches:
        by_relation.setdefault(match.relation, []).append(match)
    ipset = _ipset(context)
    for relation, told in (
        (Relation.IMAGE_HIGHER, f"The image's {ipset} knows higher revisions than {context.shown}, and uses its:"),
        (Relation.KERNEL_LACKS, f"{context.shown} has none of these set types, which the image's {ipset} knows:"),
        (Relation.IMAGE_LACKS, f"The image's {ipset} knows none of these set types, which {context.shown} has:"),
    ):
        found = by_relation.get(relation, [])
        if found:
            names = [match.name for match in found]
            yield finding(
                _RULE,
                rows[0],
                IPSET,
                f"{told} {enumerate_names(names, _SHOWN)}.",
                severity=Severity.NOTE,
                evidence={"types": [{"name": match.name, **_evidence(match)} for match in found]},
                affects=rows[1:],
            )


def _ipset(context: PairContext) -> str:
    tool = context.inventory.tool(IPSET)
    return f"{IPSET} {tool.version}" if tool is not None and tool.version else IPSET


def _evidence(match: SetTypeMatch) -> dict[str, object]:
    return {"kernel": list(match.kernel or ()) or None, "image": list(match.image or ()) or None}


def _range(revisions: tuple[int, int] | None) -> str:
    low, high = revisions or (0, 0)
    return f"{low}" if low == high else f"{low}-{high}"


def _highest(revisions: tuple[int, int] | None) -> int:
    return revisions[1] if revisions else 0
