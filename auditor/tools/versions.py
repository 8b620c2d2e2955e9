"""How each project numbers its releases, and which of two is the newer.

iptables, ipset and conntrack-tools are dotted. iputils numbers by date: `s20161105`, since 2020 `20221126`. iproute2
follows the kernel's numbers, and up to 5.7 called itself by the day of the release: `ss150210`.
"""

import re
from bisect import bisect_right

from packaging.version import Version

from auditor.packages.versions import deb_upstream

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

# The day of each kernel from 3.0 on (kernel.org): iproute2 releases follow within days, before the next kernel.
_KERNELS = (
    (20110721, 3, 0), (20111024, 3, 1), (20120104, 3, 2), (20120318, 3, 3), (20120520, 3, 4), (20120721, 3, 5),
    (20120930, 3, 6), (20121210, 3, 7), (20130218, 3, 8), (20130428, 3, 9), (20130630, 3, 10), (20130902, 3, 11),
    (20131103, 3, 12), (20140119, 3, 13), (20140330, 3, 14), (20140608, 3, 15), (20140803, 3, 16), (20141005, 3, 17),
    (20141207, 3, 18), (20150208, 3, 19), (20150412, 4, 0), (20150621, 4, 1), (20150830, 4, 2), (20151101, 4, 3),
    (20160110, 4, 4), (20160313, 4, 5), (20160515, 4, 6), (20160724, 4, 7), (20161002, 4, 8), (20161211, 4, 9),
    (20170219, 4, 10), (20170430, 4, 11), (20170702, 4, 12), (20170903, 4, 13), (20171112, 4, 14), (20180128, 4, 15),
    (20180401, 4, 16), (20180603, 4, 17), (20180812, 4, 18), (20181022, 4, 19), (20181223, 4, 20), (20190303, 5, 0),
    (20190505, 5, 1), (20190707, 5, 2), (20190915, 5, 3), (20191124, 5, 4), (20200126, 5, 5), (20200329, 5, 6),
    (20200531, 5, 7),
)  # fmt: skip


def compare_versions(tool: str, left: str, right: str) -> int | None:
    """Below, at or above 0 as `left` is older than, the same as or newer than `right`.

    Both are upstream's, or distributions' with epoch and revision, which don't count. None where one of them is not a
    version of that tool's project, and where a date doesn't tell on which side of a release it is.
    """
    if len(left) > _DIGITS or len(right) > _DIGITS:
        return None
    if tool == "iputils":
        return _sign(_dated(left), _dated(right))
    if tool != "iproute2":
        return _sign(_dotted(left), _dotted(right))
    dates, numbers = (_dated(left), _dated(right)), (_dotted(left), _dotted(right))
    if dates[0] is not None and numbers[1] is not None:
        return _compare_snapshot(dates[0][0], numbers[1])
    if numbers[0] is not None and dates[1] is not None:
        order = _compare_snapshot(dates[1][0], numbers[0])
        return None if order is None else -order
    return _sign(*dates) if dates[0] is not None else _sign(*numbers)


def _sign(left: "Version | tuple[int, int] | None", right: "Version | tuple[int, int] | None") -> int | None:
    if left is None or right is None:
        return None
    return (left > right) - (left < right)  # type: ignore[operator]


def _dotted(text: str) -> Version | None:
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


def _dated(text: str) -> tuple[int, int] | None:
    """(day as YYYYMMDD, commits since)."""
    match = _DATED.fullmatch(text) or _DATED.fullmatch(deb_upstream(text))
    if match is None:
        return None
    date = match["date"] if len(match["date"]) == 8 else f"20{match['date']}"
    return int(date), int(match["commits"] or 0)


def _compare_snapshot(date: int, number: Version) -> int | None:
    """An iproute2 of a day against one of a number: by the kernel that was the newest on that day."""
    series = number.release[:2]
    position = bisect_right(_KERNELS, (date, 99, 0)) - 1
    if position < 0:
        return -1 if series >= (3, 0) else None
    own = _KERNELS[position][1:]
    if own != series:
        return (own > series) - (own < series)
    return 0 if number == Version(f"{own[0]}.{own[1]}") else None
