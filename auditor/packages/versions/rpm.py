"""Versions as RPM writes and orders them (rpm-version(7))."""

import re
from itertools import zip_longest

from auditor.packages.versions.order import epoch, first, number, sign


def upstream(version: str) -> str:
    """`3:1.8.10-2.el9` is 1.8.10: an RPM version has no hyphen but the one before the release (rpm-version(7))."""
    return version.rpartition(":")[2].partition("-")[0]


def compare(left: str, right: str) -> int:
    """Below 0 where `left` is older, 0 where they are equal, above 0 where it is newer.

    By epoch, then version, then release.
    """
    if order := sign(epoch(left), epoch(right)):
        return order
    parts = zip_longest(*(version.rpartition(":")[2].split("-", 1) for version in (left, right)), fillvalue="")
    return first(_part(one, other) for one, other in parts)


def _part(left: str, right: str) -> int:
    """Numbers and words, separated by anything else; `~` sorts before the end, `^` after it but before more."""
    for one, other in zip_longest(_words(left), _words(right), fillvalue=""):
        if one == other:
            continue
        if "~" in (one, other):
            return -1 if one == "~" else 1
        if "^" in (one, other):
            if one == "^":
                return 1 if not other else -1
            return -1 if not one else 1
        if not one or not other:
            return 1 if one else -1
        if one.isdecimal() != other.isdecimal():
            return 1 if one.isdecimal() else -1
        order = sign(number(one), number(other)) if one.isdecimal() else sign(one, other)
        if order:
            return order
    return 0


def _words(version: str) -> list[str]:
    return re.findall(r"[0-9]+|[a-zA-Z]+|~|\^", version)
