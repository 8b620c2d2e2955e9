"""Installed packages: added, removed, upgraded, downgraded, by each package manager's own order of versions."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from auditor.inventory.model import InstalledPackage
from auditor.packages.kinds import compare_versions
from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, Side, listed

_ANY_MACHINE = frozenset({"", "all", "any", "noarch", "(none)"})


def changes(pair: Pair) -> Iterator[Change]:
    """Package by package; a database that only one image has is one change."""
    olds, news = _by_type(pair.old), _by_type(pair.new)
    gone, came = sorted(olds.keys() - news.keys()), sorted(news.keys() - olds.keys())
    if gone or came:
        yield _databases(_counted(olds, gone), _counted(news, came))
    for kind in sorted(olds.keys() & news.keys()):
        yield from _packages(kind, _by_name(olds[kind]), _by_name(news[kind]))


def _databases(old: str | None, new: str | None) -> Change:
    assessment: Assessment = "neutral"
    why = "Another package manager describes the image: its packages are not compared one by one."
    if new is None:
        assessment, why = "regression", "The image no longer says what is installed: its packages can't be told."
    elif old is None:
        assessment, why = "improvement", "The image now says what is installed."
    return Change("package-database", "package database", old, new, assessment, why)


def _counted(found: Mapping[str, Sequence[InstalledPackage]], kinds: Sequence[str]) -> str | None:
    """`117 deb packages`."""
    return (
        ", ".join(f"{len(found[kind])} {kind} package{'' if len(found[kind]) == 1 else 's'}" for kind in kinds) or None
    )


def _packages(
    kind: str, olds: Mapping[tuple[str, str], Sequence[str]], news: Mapping[tuple[str, str], Sequence[str]]
) -> Iterator[Change]:
    for key in sorted(olds.keys() | news.keys()):
        name = f"{key[0]}:{key[1]}" if key[1] else key[0]
        gone, came = Counter(olds.get(key, ())), Counter(news.get(key, ()))
        before, after = sorted((gone - came).elements()), sorted((came - gone).elements())
        if before and after:
            yield _version(kind, name, before, after)
        elif before:
            why = "No longer installed." if key not in news else "Installed in one version less."
            yield Change("package-removed", name, listed(before), None, "neutral", why)
        elif after:
            why = "Not installed before." if key not in olds else "Installed in one version more."
            yield Change("package-added", name, None, listed(after), "neutral", why)


def _version(kind: str, name: str, before: Sequence[str], after: Sequence[str]) -> Change:
    order = compare_versions(kind, before[0], after[0]) if len(before) == len(after) == 1 else None
    shown = (listed(before), listed(after))
    if order is None or order == 0:
        why = "Which of the two is newer can't be told."
        return Change("package-changed", name, *shown, "neutral", why)
    if order < 0:
        return Change("package-upgraded", name, *shown, "neutral", "A newer version.")
    why = "An older version: what was mended since, security fixes included, is gone."
    return Change("package-downgraded", name, *shown, "regression", why)


def _by_type(side: Side) -> Mapping[str, Sequence[InstalledPackage]]:
    found: dict[str, list[InstalledPackage]] = defaultdict(list)
    for package in side.inventory.packages:
        found[package.type].append(package)
    return found


def _by_name(packages: Sequence[InstalledPackage]) -> Mapping[tuple[str, str], Sequence[str]]:
    """(name, architecture) -> versions; the architecture is empty for the image's own, so that images compare.

    The image's own architecture is that of most of its packages, in the words of the package manager.
    """
    machines = Counter(package.architecture for package in packages if package.architecture not in _ANY_MACHINE)
    own = min(machines, key=lambda machine: (-machines[machine], machine), default="")
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for package in packages:
        foreign = package.architecture not in _ANY_MACHINE and package.architecture != own
        found[package.name, package.architecture if foreign else ""].append(package.version)
    return found
