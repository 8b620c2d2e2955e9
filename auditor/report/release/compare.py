"""Two reports of indexes in, one diff out: platform by platform, and what only shows across them."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from auditor.errors import UsageError
from auditor.finding import Finding
from auditor.image.platforms import normalise
from auditor.report.diff.compare import compare, decides, deciding_areas, rank, verdict_of
from auditor.report.diff.kinds import Area
from auditor.report.diff.model import Assessment, Change, Diff, Gate, Summary
from auditor.report.model import IndexReport, Report
from auditor.report.release.model import ReleaseDiff, ReleaseSide
from auditor.severity import Severity


def compare_releases(
    old: IndexReport,
    new: IndexReport,
    fail_on: Gate = "regression",
    *,
    unknown_fails: bool = False,
    areas: Collection[Area] = (),
) -> ReleaseDiff:
    """What changed from one release to the next. Both must be judged by one spec.

    A platform that the new one lacks is a regression of it, with `platform-lost`. UsageError where the two have no
    platform in common.
    """
    before, after = _by_platform(old), _by_platform(new)
    both = [name for name in after if name in before]
    if not both:
        has = "; ".join(f"{one.index.reference} has {_names(one.platforms)}" for one in (old, new))
        raise UsageError(f"the two have no platform in common: {has}", new.index.reference)
    diffs = tuple(
        compare(before[name], after[name], fail_on, unknown_fails=unknown_fails, areas=areas) for name in both
    )
    deciding = deciding_areas(areas, fail_on)
    lost = [name for name in before if name not in {*after, *_left_out(new)}]
    gained = [name for name in after if name not in {*before, *_left_out(old)}]
    changes = tuple(sorted((*_platforms(lost, gained), *_findings(old, new)), key=rank))
    unknown = unknown_fails and any(after[name].summary.unknown for name in gained)
    across = verdict_of([change for change in changes if decides(change, deciding)], fail_on)
    failed = unknown or across == "fail" or any(diff.verdict == "fail" for diff in diffs)
    return ReleaseDiff(
        old=_side(old),
        new=_side(new),
        spec=diffs[0].spec,
        fail_on=fail_on,
        areas=tuple(area.word for area in deciding),
        verdict="fail" if failed else "pass",
        summary=_summary(changes, diffs),
        changes=changes,
        platforms=diffs,
        notes=tuple(_notes(old, new)),
        rules={**old.rules, **new.rules},
    )


def _by_platform(report: IndexReport) -> dict[str, Report]:
    return {str(normalise(one.image.platform)): one for one in report.platforms}


def _left_out(report: IndexReport) -> tuple[str, ...]:
    return tuple(str(normalise(platform)) for platform in report.index.left_out)


def _notes(old: IndexReport, new: IndexReport) -> Iterator[str]:
    for word, report in (("old", old), ("new", new)):
        for name in _left_out(report):
            yield f"the source of the {word} release does not hold {name}: it is not compared"


def _names(reports: Sequence[Report]) -> str:
    return ", ".join(str(one.image.platform) for one in reports) or "none"


def _platforms(lost: Iterable[str], gained: Iterable[str]) -> Iterator[Change]:
    for name in lost:
        yield Change("platform-lost", name, name, None, "regression", "The new release is not made for it any more.")
    for name in gained:
        yield Change("platform-gained", name, None, name, "improvement", "The old release was not made for it.")


def _findings(old: IndexReport, new: IndexReport) -> Iterator[Change]:
    """Findings across platforms, told apart by rule and subject."""
    better: Assessment
    before = {(finding.rule, finding.subject): finding for finding in old.findings}
    after = {(finding.rule, finding.subject): finding for finding in new.findings}
    for key, finding in after.items():
        if key not in before:
            worse = _counts(finding)
            yield Change(
                "finding-new",
                " ".join(key),
                None,
                finding.severity,
                "regression" if worse else "neutral",
                f"{finding.message} Waived: {finding.waived_by}" if finding.waived_by else finding.message,
            )
    for key, finding in before.items():
        if key not in after:
            why = f"No longer found: {finding.message}"
            better = "improvement" if _counts(finding) else "neutral"
            yield Change("finding-fixed", " ".join(key), finding.severity, None, better, why)


def _counts(finding: Finding) -> bool:
    return finding.severity is not Severity.NOTE and not finding.waived_by


def _side(report: IndexReport) -> ReleaseSide:
    index = report.index
    platforms = tuple(one.image.platform for one in report.platforms)
    return ReleaseSide(index.reference, index.source, index.digest, platforms, report.verdict)


def _summary(changes: Sequence[Change], diffs: Sequence[Diff]) -> Summary:
    """All platforms together, and what only shows across them."""
    own = Summary(
        regressions=sum(change.assessment == "regression" for change in changes),
        improvements=sum(change.assessment == "improvement" for change in changes),
        neutral=sum(change.assessment == "neutral" for change in changes),
        findings_new=sum(change.kind == "finding-new" for change in changes),
        findings_fixed=sum(change.kind == "finding-fixed" for change in changes),
        findings_unchanged=0,
    )
    every = (own, *(diff.summary for diff in diffs))
    return Summary(**{name: sum(getattr(one, name) for one in every) for name in Summary.__struct_fields__})
