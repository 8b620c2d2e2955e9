"""The words that all formats for people share."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from auditor.report.diff.kinds import KINDS, Area
from auditor.report.diff.model import Assessment, Change, Diff, DiffSide, LayerSummary, Summary
from auditor.report.words import SHORT_DIGEST, listed, plural, short_digest, size

TITLES: Mapping[Assessment, str] = {
    "regression": "Regressions",
    "improvement": "Improvements",
    "neutral": "Other changes",
}


def assessed(changes: Iterable[Change], assessment: Assessment) -> tuple[Change, ...]:
    """The changes of one assessment, in their order."""
    return tuple(change for change in changes if change.assessment == assessment)


def by_area(changes: Iterable[Change]) -> Iterator[tuple[Area, Sequence[Change]]]:
    """The changes under their headings; areas without a change are left out."""
    found: dict[Area, list[Change]] = {area: [] for area in Area}
    for change in changes:
        found[KINDS[change.kind].area].append(change)
    yield from ((area, listed) for area, listed in found.items() if listed)


def heading(change: Change) -> str:
    """What kind of change it is, as people read it."""
    return KINDS[change.kind].heading


def subject(change: Change) -> str:
    """What it is about; a layer by the beginning of its digest."""
    if change.kind in ("layer-added", "layer-removed"):
        return change.subject[:SHORT_DIGEST]
    return change.subject


def sign(change: Change) -> str:
    """`+` for a gain, `−` for a loss, `→` for a change."""
    if change.old is None:
        return "+"
    return "−" if change.new is None else "→"


def other_tools(change: Change) -> tuple[str, ...]:
    """The tools that it concerns, but for the one that it is about."""
    return tuple(tool for tool in change.tools if tool != change.subject)


def side(one: DiffSide) -> str:
    """`(registry, sha256:0123456789ab, linux/amd64)`."""
    platform = str(one.platform) if one.platform.architecture else ""
    return listed((one.source, short_digest(one.digest, one.config_digest), platform))


def counts(summary: Summary) -> str:
    """`2 regressions, 1 improvement, 30 other changes`."""
    told = (
        (summary.regressions, "regression"),
        (summary.improvements, "improvement"),
        (summary.neutral, "other change"),
    )
    return listed(plural(number, word) for number, word in told if number)


def findings(summary: Summary) -> str:
    """How many findings are new, fixed and as they were."""
    return f"{summary.findings_new} new, {summary.findings_fixed} fixed, {summary.findings_unchanged} unchanged"


def layers(summary: LayerSummary) -> str:
    """How many layers are shared, and how much is to be pulled."""
    parts = (
        (summary.shared, summary.bytes_shared, "shared"),
        (summary.removed, summary.bytes_removed, "gone"),
        (summary.added, summary.bytes_added, "new"),
    )
    return ", ".join(f"{count} {word}{f' ({size(stored)})' if count else ''}" for count, stored, word in parts)


def decides(change: Change, areas: Collection[str]) -> bool:
    """Whether a change of its kind can fail the comparison, by the areas that decide."""
    return KINDS[change.kind].area.word in areas


def conclusion(diff: Diff) -> str:
    """What the exit code says, in words."""
    if not diff.changes:
        return "nothing that the audit looks at has changed"
    worse = [change for change in diff.changes if change.assessment == "regression"]
    outside = [change for change in worse if not decides(change, diff.areas)]
    told = counts(diff.summary)
    if outside and len(outside) == len(worse):
        told += f"; what is worse is no part of the contract ({_areas(outside)})"
    elif outside:
        told += f"; {plural(len(outside), 'regression')} no part of the contract ({_areas(outside)})"
    return told if diff.verdict == "pass" else f"{told} (fail-on {diff.fail_on})"


def _areas(changes: Iterable[Change]) -> str:
    return listed(area.word for area, _ in by_area(changes))
