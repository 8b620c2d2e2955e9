"""xtables extensions: what `-m` and `-j` can name, by family and flavour."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, Side, listed

_FAMILIES, _FLAVOURS = ("ipv4", "ipv6"), ("legacy", "nf_tables")
_Coverage = Mapping[tuple[str, str], int]  # (family, flavour) -> the highest revision


def changes(pair: Pair) -> Iterator[Change]:
    """Extensions that came, went, or changed their revision; in one line where all of them did."""
    olds, news = _loadable(pair.old), _loadable(pair.new)
    if not olds or not news:
        yield from _all_of_them(olds.keys(), news.keys())
        return
    for key in sorted(olds.keys() | news.keys()):
        yield from _one(*key, olds.get(key, {}), news.get(key, {}))


def _all_of_them(olds: Iterable[tuple[str, str]], news: Iterable[tuple[str, str]]) -> Iterator[Change]:
    before, after = (listed(name for _, name in sorted(found)) for found in (olds, news))
    if before:
        why = "No xtables extension can be loaded any more."
        yield Change("extension-lost", "all extensions", before, None, "regression", why)
    if after:
        why = "No xtables extension could be loaded before."
        yield Change("extension-gained", "all extensions", None, after, "improvement", why)


def _one(kind: str, name: str, before: _Coverage, after: _Coverage) -> Iterator[Change]:
    subject = f"{'-m' if kind == 'match' else '-j'} {name}"
    lost, gained = before.keys() - after.keys(), after.keys() - before.keys()
    if lost:
        why = f"Rules with {subject} can no longer be written or read ({_shown(lost)})."
        yield Change("extension-lost", subject, _shown(lost), None, "regression", why)
    if gained:
        why = f"Rules with {subject} could not be written or read before ({_shown(gained)})."
        yield Change("extension-gained", subject, None, _shown(gained), "improvement", why)
    revisions: dict[tuple[int, int], set[tuple[str, str]]] = defaultdict(set)
    for place in before.keys() & after.keys():
        if before[place] != after[place]:
            revisions[before[place], after[place]].add(place)
    for (old, new), places in sorted(revisions.items()):
        assessment: Assessment = "improvement" if new > old else "regression"
        newer = "It knows what newer kernels offer" if new > old else "It no longer knows what newer kernels offer"
        why = f"{newer} ({_shown(places)})."
        yield Change("extension-revision", subject, f"revision {old}", f"revision {new}", assessment, why)


def _loadable(side: Side) -> Mapping[tuple[str, str], _Coverage]:
    found: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for entry in side.inventory.extensions:
        if not entry.loadable:
            continue
        families = _FAMILIES if entry.family == "any" else (entry.family,)
        flavours = (entry.flavour,) if entry.flavour else _FLAVOURS
        coverage = found[entry.kind, entry.name]
        for place in product(families, flavours):
            coverage[place] = max(entry.revision, coverage.get(place, 0))
    return found


def _shown(places: Iterable[tuple[str, str]]) -> str:
    """`ipv4, ipv6` where both flavours have it, else `ipv4 legacy, …`."""
    found = set(places)
    families = sorted({family for family, _ in found})
    if found == set(product(families, _FLAVOURS)):
        return ", ".join(families)
    return ", ".join(f"{family} {flavour}" for family, flavour in sorted(found))
