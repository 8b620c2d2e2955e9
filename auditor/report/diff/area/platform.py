"""Which machine and distribution the image is for."""

from collections.abc import Iterator

from auditor.inventory.model import Distribution
from auditor.report.diff.model import Change
from auditor.report.diff.pair import Pair


def changes(pair: Pair) -> Iterator[Change]:
    """Platform and distribution; a directory that says no platform is not compared."""
    before, after = pair.old.report.image.platform, pair.new.report.image.platform
    if before.architecture and after.architecture and before != after:
        why = "Another platform: paths and names that only spell the machine are not told as changes."
        yield Change("platform", "platform", str(before), str(after), "neutral", why)
    old, new = (_shown(side.inventory.distribution) for side in (pair.old, pair.new))
    if old != new:
        why = "The image is built on another release: most of its packages differ."
        yield Change("distribution", "distribution", old, new, "neutral", why)


def _shown(distribution: Distribution) -> str | None:
    return distribution.name or " ".join(part for part in (distribution.id, distribution.version_id) if part) or None
