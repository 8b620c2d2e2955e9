"""ipset's set types and the highest revision of each that the image's libipset knows."""

from collections.abc import Iterator, Mapping

from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, Side, listed

_TOOLS = ("ipset",)


def changes(pair: Pair) -> Iterator[Change]:
    """Set types that came, went, or changed their revision; in one line where all of them did, none without ipset."""
    if "ipset" not in {after.name for _, after in pair.kept_tools}:
        return
    olds, news = _revisions(pair.old), _revisions(pair.new)
    if not olds or not news:
        if olds:
            why = "No set type of the image's libipset can be read any more."
            yield Change("set-type-lost", "all set types", listed(sorted(olds)), None, "regression", why, _TOOLS)
        if news:
            why = "No set type of the image's libipset could be read before."
            new = listed(sorted(news))
            yield Change("set-type-gained", "all set types", None, new, "improvement", why, _TOOLS)
        return
    for name in sorted(olds.keys() | news.keys()):
        yield from _one(name, olds.get(name), news.get(name))


def _one(name: str, old: int | None, new: int | None) -> Iterator[Change]:
    if old == new:
        return
    if new is None:
        why = "Sets of this type can no longer be made or read."
        yield Change("set-type-lost", name, f"revision {old}", None, "regression", why, _TOOLS)
    elif old is None:
        why = "Sets of this type could not be made or read before."
        yield Change("set-type-gained", name, None, f"revision {new}", "improvement", why, _TOOLS)
    else:
        assessment: Assessment = "improvement" if new > old else "regression"
        why = (
            "Sets that a newer kernel or ipset made can be read."
            if new > old
            else "Sets that a newer kernel or ipset made at the old revision can't be read any more."
        )
        yield Change("set-type-revision", name, f"revision {old}", f"revision {new}", assessment, why, _TOOLS)


def _revisions(side: Side) -> Mapping[str, int]:
    highest: dict[str, int] = {}
    for entry in side.inventory.set_types:
        highest[entry.name] = max(entry.revision, highest.get(entry.name, 0))
    return highest
