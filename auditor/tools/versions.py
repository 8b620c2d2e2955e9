"""How projects number their releases: in dotted numbers or by days; and which of two is the newer."""

import re

from packaging.version import Version

from auditor.packages.versions.deb import upstream as deb_upstream

# 1.2.7a came after 1.2.7; 1.4.0rc1, 1.4.0-rc1, 1.4.0~rc1 before 1.4.0; 6.1.0-12-gabcdef0 (git-describe(1)) and
# distributions' 1.8.7+git20210802 and 1.8.7_p1 after.
_DOTTED = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)+|\d{1,2})"
    r"(?:(?P<letter>[a-z])|[-.~_]?(?P<pre>rc|pre|beta|alpha|a|b)[-.]?(?P<number>\d+))?"
    r"(?:(?:-(?P<commits>\d+)-g[0-9a-f]{4,40}|_p(?P<patch>\d+))|(?P<sign>[+~])(?:git|svn|snapshot)[\w.+~]*)?",
    re.ASCII,
)
_DATED = re.compile(r"s{0,3}(?P<date>(?:20)?\d{6})(?:-(?P<commits>\d+)-g[0-9a-f]{4,40})?", re.ASCII)
_DIGITS = 1000  # of a version; no project comes near it


def compare_dotted(left: str, right: str) -> int | None:
    """Below, at or above 0 as `left` is older than, the same as or newer than `right`; None where one is no version."""
    return _sign(dotted(left), dotted(right))


def compare_dated(left: str, right: str) -> int | None:
    """The same of versions that are days."""
    return _sign(dated(left), dated(right))


def _sign(left: "Version | tuple[int, int] | None", right: "Version | tuple[int, int] | None") -> int | None:
    if left is None or right is None:
        return None
    return (left > right) - (left < right)  # type: ignore[operator]


def dotted(text: str) -> Version | None:
    """A dotted version, upstream's or a distribution's; None where it is none."""
    if len(text) > _DIGITS:
        return None
    match = _DOTTED.fullmatch(text) or _DOTTED.fullmatch(deb_upstream(text))
    if match is None:
        return None
    version = match["release"]
    if match["pre"]:
        version += f"{match['pre']}{match['number']}"
    if match["letter"]:
        version += f".post{ord(match['letter']) - ord('a') + 1}"
    elif match["commits"] or match["patch"]:
        version += f".post{match['commits'] or match['patch']}"
    if match["sign"]:
        version += ".dev0" if match["sign"] == "~" else "+snapshot"
    return Version(version)


def dated(text: str) -> tuple[int, int] | None:
    """(day as YYYYMMDD, commits since); None where it is no day."""
    if len(text) > _DIGITS:
        return None
    match = _DATED.fullmatch(text) or _DATED.fullmatch(deb_upstream(text))
    if match is None:
        return None
    date = match["date"] if len(match["date"]) == 8 else f"20{match['date']}"
    return int(date), int(match["commits"] or 0)
