"""Two reports in, one diff out."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from auditor.finding import Finding
from auditor.report.audit.document import from_document, to_document
from auditor.report.diff.area import (
    closures,
    config,
    extensions,
    files,
    findings,
    floors,
    golang,
    layers,
    packages,
    platform,
    requirements,
    settypes,
    tools,
)
from auditor.report.diff.kinds import CONTRACT, KINDS, ORDER, Area
from auditor.report.diff.model import Change, Diff, DiffSide, Gate, Summary, UnchangedFinding
from auditor.report.diff.pair import Pair, Side
from auditor.report.model import Report, Verdict

# A new area is one module and one line.
_AREAS: tuple[Callable[[Pair], Iterable[Change]], ...] = (
    findings.changes,
    requirements.changes,
    tools.changes,
    closures.changes,
    extensions.changes,
    settypes.changes,
    floors.changes,
    golang.changes,
    config.changes,
    packages.changes,
    files.changes,
    platform.changes,
    layers.changes,
)
_RANKS = {"regression": 0, "improvement": 1, "neutral": 2}


def compare(
    old: Report,
    new: Report,
    fail_on: Gate = "regression",
    *,
    unknown_fails: bool = False,
    areas: Collection[Area] = (),
) -> Diff:
    """What changed from `old` to `new`. Both must be judged by one spec, or its changes would look like the image's.

    Changes in `areas` decide: by default those of the contract, all of them where any change fails. With
    `unknown_fails` a row of `new` that can't be known fails, whether it was known before or not.
    """
    pair = Pair(Side(_plain(old)), Side(_plain(new)))
    changes = tuple(sorted((change for area in _AREAS for change in area(pair)), key=rank))
    matched = findings.match(pair)
    deciding = deciding_areas(areas, fail_on)
    decisive = [change for change in changes if decides(change, deciding)]
    return Diff(
        old=_side(pair.old.report),
        new=_side(pair.new.report),
        spec=pair.new.report.spec,
        fail_on=fail_on,
        verdict="fail" if unknown_fails and new.summary.unknown else verdict_of(decisive, fail_on),
        summary=_summary(changes, matched),
        layers=layers.summary(pair),
        changes=changes,
        unchanged=tuple(_unchanged(after) for _, after in matched.both),
        notes=tuple(_notes(pair)),
        areas=tuple(area.word for area in deciding),
        rules={**old.rules, **new.rules},
    )


def _plain(report: Report) -> Report:
    """As a saved report has it: an image and its report give the same diff."""
    return from_document(to_document(report), report.image.reference)


def deciding_areas(areas: Collection[Area], fail_on: Gate) -> tuple[Area, ...]:
    """The areas that decide: those asked for, else the contract's, else all where any change fails."""
    return tuple(area for area in Area if area in (areas or (Area if fail_on == "any" else CONTRACT)))


def decides(change: Change, areas: Collection[Area]) -> bool:
    """Whether a change is of one of these areas."""
    return KINDS[change.kind].area in areas


def rank(change: Change) -> tuple[int, int, str, str, str, tuple[str, ...]]:
    """The order in which changes are told: worse first, then by kind and subject."""
    order = (_RANKS[change.assessment], ORDER[change.kind])
    return (*order, change.subject, change.old or "", change.new or "", change.tools)


def verdict_of(changes: Iterable[Change], fail_on: Gate) -> Verdict:
    """What the changes that decide make of a comparison."""
    if fail_on == "never":
        return "pass"
    return "fail" if any(fail_on == "any" or change.assessment == "regression" for change in changes) else "pass"


def _summary(changes: Iterable[Change], matched: findings.Matched) -> Summary:
    counts = Counter(change.assessment for change in changes)
    return Summary(
        regressions=counts["regression"],
        improvements=counts["improvement"],
        neutral=counts["neutral"],
        findings_new=len(matched.new),
        findings_fixed=len(matched.old),
        findings_unchanged=len(matched.both),
    )


def _unchanged(finding: Finding) -> UnchangedFinding:
    return UnchangedFinding(
        finding.rule, finding.severity, finding.requirement, finding.subject, finding.message, finding.waived_by
    )


def _shared(pair: Pair) -> Iterator[bool]:
    """Whether they have something of each kind in common by which two builds of one product are known."""
    yield not {*pair.old.layer_ids}.isdisjoint({*pair.new.layer_ids} - {None})
    yield bool(pair.old.package_versions.keys() & pair.new.package_versions.keys())
    yield bool(pair.kept_tools)


def _side(report: Report) -> DiffSide:
    image = report.image
    return DiffSide(
        reference=image.reference,
        source=image.source,
        digest=image.digest,
        config_digest=image.config_digest,
        platform=image.platform,
        distribution=report.inventory.distribution,
        verdict=report.verdict,
    )


def _notes(pair: Pair) -> Iterator[str]:
    if not any(_shared(pair)):
        yield "warning: the images have no layer, no package and no tool in common: are these the right two?"
    for word, side in (("old", pair.old), ("new", pair.new)):
        if not side.has_config:
            yield f"the {word} image has no config: its entrypoint, environment and user are not compared"
        if not side.report.image.layers:
            yield f"the {word} image has no layers: they are not compared"
        if side.inventory.floors.cpu and not side.inventory.architecture:
            yield f"the {word} image does not tell its architecture: its processors are not compared; see --platform"
        for message in side.inventory.package_warnings:
            yield f"the {word} image's package database: {message}"
    for word, side, other in (("old", pair.old, pair.new), ("new", pair.new, pair.old)):
        for name in sorted(other.tools.keys() - side.tools.keys()):
            yield f"the {word} image's report did not look for {name}: it is not compared"
