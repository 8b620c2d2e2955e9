"""The words about a diff of releases that all formats for people share."""

from auditor.report.diff.words import counts
from auditor.report.release.model import ReleaseDiff, ReleaseSide
from auditor.report.words import listed, plural, short_digest


def side(one: ReleaseSide) -> str:
    """`quay.io/calico/node:v3.30.0  (registry, sha256:0123456789ab, 4 platforms)`."""
    facts = (one.source, short_digest(one.digest), plural(len(one.platforms), "platform"))
    return f"{one.reference}  ({listed(facts)})"


def conclusion(release: ReleaseDiff) -> str:
    """What the exit code says, in words."""
    if not release.changes and not any(diff.changes for diff in release.platforms):
        return f"nothing that the audit looks at has changed on {plural(len(release.platforms), 'platform')}"
    told = counts(release.summary)
    if release.verdict == "pass":
        return told
    failed = [str(diff.new.platform) for diff in release.platforms if diff.verdict == "fail"]
    return f"{told} on {', '.join(failed) or 'all platforms together'} (fail-on {release.fail_on})"
