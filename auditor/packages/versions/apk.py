"""Versions as apk writes and orders them (apk-package(5))."""

import re

from auditor.packages.versions.order import number, sign

_REVISION = re.compile(r"-r\d+$", re.ASCII)
# From an alpha to a patch level; what has no suffix is between `_rc` and `_cvs`.
_SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "": 0, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
_VERSION = re.compile(
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(?P<revision>\d+))?",
    re.ASCII,
)


def upstream(version: str) -> str:
    """`1.8.3-r1` is 1.8.3 (apk-package(5))."""
    return _REVISION.sub("", version)


def compare(left: str, right: str) -> int:
    """Below 0 where `left` is older, 0 where they are equal, above 0 where it is newer.

    Numbers, a letter, suffixes of which some come before a release, then -r and a number.
    """
    return sign(_key(left), _key(right))


def _key(version: str) -> tuple[object, ...]:
    match = _VERSION.match(version)
    if match is None:
        return ((), "", (), number(""), version)
    numbers = tuple(map(number, match["numbers"].split(".")))
    words = re.findall(r"_([a-z]+)(\d*)", match["suffixes"])
    suffixes = [(_SUFFIXES.get(word, 0), number(digits)) for word, digits in words]
    rest = version[match.end() :]
    return (numbers, match["letter"], (*suffixes, (0, number(""))), number(match["revision"] or ""), rest)
