"""A diff of releases for other programs: the cases and results of each platform, which they name."""

from collections.abc import Iterator

from auditor.report.diff.model import Change
from auditor.report.diff.results import cases_of, results_of_changes, rules_of
from auditor.report.release import words
from auditor.report.release.model import ReleaseDiff
from auditor.report.results import Results, Subject


def results(release: ReleaseDiff) -> Results:
    """The diff as cases and results."""
    placed = tuple(_placed(release))
    return Results(
        name=f"{release.old.reference} to {release.new.reference}",
        subjects=tuple(_subjects(release)),
        spec=release.spec.label,
        spec_digest=release.spec.digest,
        verdict=release.verdict,
        outcome=release.verdict.upper(),
        conclusion=words.conclusion(release),
        cases=tuple(case for place, changes in placed for case in cases_of(changes, release.areas, place)),
        results=tuple(one for place, changes in placed for one in results_of_changes(changes, release.areas, place)),
        rules=rules_of([change for _, changes in placed for change in changes]),
    )


def _placed(release: ReleaseDiff) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """The changes with the platform that they are of; none where they show across platforms only."""
    yield "", release.changes
    yield from ((str(diff.new.platform), diff.changes) for diff in release.platforms)


def _subjects(release: ReleaseDiff) -> Iterator[Subject]:
    if release.new.digest:
        yield Subject(release.new.reference, release.new.digest)
    for diff in release.platforms:
        yield Subject(f"{diff.new.reference} ({diff.new.platform})", diff.new.digest or diff.new.config_digest or "")
