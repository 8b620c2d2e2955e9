"""The words that all formats for people share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from auditor.report.diff.kinds import KINDS, Area
from auditor.report.diff.model import Assessment, Change, Diff, DiffSide, LayerSummary

TITLES: Mapping[Assessment, str] = {
    "regression": "Regressions",
    "improvement": "Improvements",
    "neutral": "Other changes",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_SHORT_DIGEST = len("sha256:") + 12


def assessed(diff: Diff, assessment: Assessment) -> tuple[Change, ...]:
    """The changes of one assessment, in their order."""
    return tuple(change for change in diff.changes if change.assessment == assessment)


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
        return change.subject[:_SHORT_DIGEST]
    return change.subject


def other_tools(change: Change) -> tuple[str, ...]:
    """The tools that it concerns, but for the one that it is about."""
    return tuple(tool for tool in change.tools if tool != change.subject)


def side(one: DiffSide) -> str:
    """`(registry, sha256:0123456789ab, linux/amd64)`."""
    digest = one.digest or one.config_digest or ""
    kind = "" if one.digest else "config "
    platform = str(one.platform) if one.platform.architecture else ""
    parts = (one.source, f"{kind}{digest[:_SHORT_DIGEST]}" if digest else "", platform)
    return ", ".join(part for part in parts if part)


def counts(diff: Diff) -> str:
    """`2 regressions, 1 improvement, 30 other changes`."""
    told = (
        (diff.summary.regressions, "regression"),
        (diff.summary.improvements, "improvement"),
        (diff.summary.neutral, "other change"),
    )
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in told if number)


def findings(diff: Diff) -> str:
    """How many findings are new, fixed and as they were."""
    summary = diff.summary
    return f"{summary.findings_new} new, {summary.findings_fixed} fixed, {summary.findings_unchanged} unchanged"


def layers(summary: LayerSummary) -> str:
    """How many layers are shared, and how much is to be pulled."""
    parts = (
        (summary.shared, summary.bytes_shared, "shared"),
        (summary.removed, summary.bytes_removed, "gone"),
        (summary.added, summary.bytes_added, "new"),
    )
    return ", ".join(f"{count} {word}{f' ({size(stored)})' if count else ''}" for count, stored, word in parts)


def size(count: int | None) -> str:
    """Bytes as people read them, in powers of a thousand."""
    if count is None:
        return "size unknown"
    value, unit = float(count), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def conclusion(diff: Diff) -> str:
    """What the exit code says, in words."""
    if not diff.changes:
        return "nothing that the audit looks at has changed"
    failing = "" if diff.verdict == "pass" else f", and fails on {diff.fail_on}"
    return counts(diff) + failing
