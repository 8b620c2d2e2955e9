"""xtables extensions: what `-m` and `-j` can name, by family and flavour."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, Side, listed

_FAMILIES, _FLAVOURS = ("ipv4", "ipv6"), ("legacy", "nf_tables")
_NFT = "nf_tables"
_FAMILY_OF, _OTHERS = {"iptables": "ipv4", "ip6tables": "ipv6"}, ("arp", "bridge")
_Coverage = Mapping[tuple[str, str], int]  # (family, flavour) -> the highest revision


def changes(pair: Pair) -> Iterator[Change]:
    """Extensions that came, went, or changed their revision; in one line where all of them did.

    Told are those of the programs that both images have: with a tool or a flavour, its extensions are lost too.
    """
    kept = _kept(pair)
    olds, news = _loadable(pair.old, kept), _loadable(pair.new, kept)
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
        knows = {"improvement": "It knows", "regression": "It no longer knows"}[assessment]
        why = f"{knows} what newer kernels offer ({_shown(places)})."
        yield Change("extension-revision", subject, f"revision {old}", f"revision {new}", assessment, why)


def _kept(pair: Pair) -> frozenset[tuple[str, str]]:
    """The families and flavours for which both images have a program; arptables and ebtables go with iptables-nft."""
    found = set()
    for before, after in pair.kept_tools:
        family = _FAMILY_OF.get(before.name)
        if family is not None:
            flavours = [{binary.flavour for binary in tool.binaries if binary.flavour} for tool in (before, after)]
            found |= {(family, flavour) for flavour in flavours[0] & flavours[1]}
            found |= {(other, _NFT) for other in _OTHERS if _NFT in flavours[0] & flavours[1]}
    return frozenset(found)


def _loadable(side: Side, kept: frozenset[tuple[str, str]]) -> Mapping[tuple[str, str], _Coverage]:
    found: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for entry in side.inventory.extensions:
        if not entry.loadable:
            continue
        families = _FAMILIES if entry.family == "any" else (entry.family,)
        flavours = (entry.flavour,) if entry.flavour else _FLAVOURS
        for place in kept & set(product(families, flavours)):
            coverage = found[entry.kind, entry.name]
            coverage[place] = max(entry.revision, coverage.get(place, 0))
    return found


def _shown(places: Iterable[tuple[str, str]]) -> str:
    """`ipv4, ipv6` where all flavours are concerned, else `ipv4 legacy, …`; arp and bridge have only one."""
    flavours: dict[str, list[str]] = defaultdict(list)
    for family, flavour in sorted(places):
        flavours[family].append(flavour)
    return ", ".join(
        family if family in _OTHERS or found == list(_FLAVOURS) else f"{family} {' '.join(found)}"
        for family, found in flavours.items()
    )
