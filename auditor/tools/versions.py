"""How each project numbers its releases, and which of two is the newer.

iproute2 called itself by a date (`ss150210`) up to 5.5 and by its number since; iputils by a date, first as
`s20161105`. The others are dotted.
"""

import re

from packaging.version import InvalidVersion, Version

from auditor.packages.versions import deb_upstream

_DATE = re.compile(r"s{0,3}(\d{6}|\d{8})", re.ASCII)
_DOTTED = re.compile(r"\d+(?:\.\d+)+", re.ASCII)
# A patched release of the early iptables: 1.2.7a came after 1.2.7.
_LETTER = re.compile(r"(\d+(?:\.\d+)+)([a-z])", re.ASCII)
_DESCRIBED = re.compile(r"(.*\d)-(\d+)-g[0-9a-f]{4,}", re.ASCII)  # git-describe(1)
_ASCII = re.compile(r"[!-~]+", re.ASCII)


def compare_versions(tool: str, left: str, right: str) -> int | None:
    """Below, at or above 0 as `left` is older than, the same as or newer than `right`.

    Upstream versions, or distributions' with epoch and revision. None where one of them is not a version of that
    project, and where the two don't tell which is the newer.
    """
    if tool == "iputils":
        return _compare(_iputils_date(left), _iputils_date(right))
    if tool == "iproute2":
        return _compare_iproute2(left, right)
    return _compare(_dotted(left), _dotted(right))


def _compare(left: "Version | int | None", right: "Version | int | None") -> int | None:
    if left is None or right is None:
        return None
    return (left > right) - (left < right)  # type: ignore[operator]


def _dotted(text: str) -> Version | None:
    if not _ASCII.fullmatch(text):
        return None
    for candidate in (text, deb_upstream(text)):
        version = _parse(candidate)
        if version is not None:
            return version
    return None


def _parse(text: str) -> Version | None:
    text = text.removeprefix("v").replace("~", "")
    described = _DESCRIBED.fullmatch(text)
    if described:
        text = f"{described[1]}.post{described[2]}"
    letter = _LETTER.fullmatch(text)
    if letter:
        text = f"{letter[1]}.post{ord(letter[2]) - ord('a') + 1}"
    try:
        version = Version(text)
    except (InvalidVersion, ValueError):
        return None
    return version if len(version.release) > 1 else None


def _iputils_date(text: str) -> int | None:
    for candidate in (text, deb_upstream(text)):
        match = _DATE.fullmatch(candidate)
        if match:
            return _full_date(match[1])
    return None


def _full_date(digits: str) -> int:
    return int(digits) if len(digits) == 8 else int(f"20{digits}")


def _compare_iproute2(left: str, right: str) -> int | None:
    first, second = _iputils_date(left), _iputils_date(right)
    if first is not None and second is not None:
        return _compare(first, second)
    if first is None and second is None:
        return _compare(_dotted(left), _dotted(right))
    return None
