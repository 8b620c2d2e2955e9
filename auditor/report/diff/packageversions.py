"""Which of two package versions is newer, as each package manager orders them."""

import re
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any


def compare_packages(kind: str, left: str, right: str) -> int | None:
    """Below 0 where `left` is older, 0 where they are equal, above 0 where it is newer; None for an unknown `kind`."""
    compare = _COMPARE.get(kind)
    return compare(left, right) if compare else None


def _deb(left: str, right: str) -> int:
    """deb-version(7): epoch, then upstream version, then revision."""
    if order := _sign(_epoch(left), _epoch(right)):
        return order
    return _first(_deb_part(*parts) for parts in zip(_deb_parts(left), _deb_parts(right), strict=True))


def _deb_parts(version: str) -> tuple[str, str]:
    upstream, _, revision = version.partition(":")[2].rpartition("-") if ":" in version else version.rpartition("-")
    return (upstream, revision) if upstream else (revision, "")


def _deb_part(left: str, right: str) -> int:
    """Alternately what is no digit, by its own alphabet, and numbers."""
    left_parts, right_parts = (re.findall(r"(\D*)(\d*)", part) for part in (left, right))
    for (left_text, left_number), (right_text, right_number) in zip_longest(
        left_parts, right_parts, fillvalue=("", "")
    ):
        for one, other in zip_longest(left_text, right_text, fillvalue=""):
            if order := _sign(_deb_letter(one), _deb_letter(other)):
                return order
        if order := _sign(_number(left_number), _number(right_number)):
            return order
    return 0


def _deb_letter(char: str) -> tuple[int, str]:
    """`~` before the end, the end before letters, letters before everything else."""
    if char == "~":
        return (-1, "")
    if not char:
        return (0, "")
    return (1, char) if char.isalpha() else (2, char)


def _rpm(left: str, right: str) -> int:
    """rpm-version(7): epoch, then version, then release."""
    if order := _sign(_epoch(left), _epoch(right)):
        return order
    parts = zip_longest(*(version.rpartition(":")[2].split("-", 1) for version in (left, right)), fillvalue="")
    return _first(_rpm_part(one, other) for one, other in parts)


def _rpm_part(left: str, right: str) -> int:
    """Numbers and words, separated by anything else; `~` sorts before the end, `^` after it but before more."""
    for one, other in zip_longest(_rpm_words(left), _rpm_words(right), fillvalue=""):
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
        order = _sign(_number(one), _number(other)) if one.isdecimal() else _sign(one, other)
        if order:
            return order
    return 0


def _rpm_words(version: str) -> list[str]:
    return re.findall(r"[0-9]+|[a-zA-Z]+|~|\^", version)


def _apk(left: str, right: str) -> int:
    """apk-package(5): numbers, a letter, suffixes of which some come before a release, then -r and a number."""
    return _sign(_apk_key(left), _apk_key(right))


# From an alpha to a patch level; what has no suffix is between `_rc` and `_cvs`.
_APK_SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "": 0, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
_APK = re.compile(
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(?P<revision>\d+))?",
    re.ASCII,
)


def _apk_key(version: str) -> tuple[object, ...]:
    match = _APK.match(version)
    if match is None:
        return ((), "", (), _number(""), version)
    numbers = tuple(map(_number, match["numbers"].split(".")))
    suffixes = [
        (_APK_SUFFIXES.get(word, 0), _number(number))
        for word, number in re.findall(r"_([a-z]+)(\d*)", match["suffixes"])
    ]
    rest = version[match.end() :]
    return (numbers, match["letter"], (*suffixes, (0, _number(""))), _number(match["revision"] or ""), rest)


def _epoch(version: str) -> tuple[int, str]:
    epoch, colon, _ = version.partition(":")
    return _number(epoch if colon and epoch.isascii() and epoch.isdecimal() else "")


def _number(digits: str) -> tuple[int, str]:
    """A number of any length, as something that sorts like it; no digits are zero."""
    significant = digits.lstrip("0")
    return (len(significant), significant)


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _first(orders: Iterable[int]) -> int:
    return next((order for order in orders if order), 0)


_COMPARE: dict[str, Callable[[str, str], int]] = {"deb": _deb, "rpm": _rpm, "apk": _apk}
