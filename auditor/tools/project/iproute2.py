"""iproute2: numbered as the kernel is; up to 5.7 it called itself by the day of the release: `ss150210`."""

import re
from bisect import bisect_right

from packaging.version import Version

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import DESCRIBED, banner, snapshots, text, whole
from auditor.tools.versions import compare_dated, compare_dotted, dated, dotted

#: The program that knows the types of links.
IP = "ip"
_BANNER = re.compile(
    rb"(?:%s|(?P<program>[a-z]+)) utility, iproute2-(?:(?P<prefix>ss)?%s|(?P<version>ss\d{6}|\d+\.\d+\.\d+))"
    rb"|(?:bridge|netshaper) utility, %s\n"
)
_VERSION = re.compile(rb"v?((?:[4-9]|[1-9]\d)\.\d{1,3}\.\d{1,3}(?:-rc\d+)?" + DESCRIBED + rb")")
_SNAPSHOT = re.compile(rb"\d{6}")
# Programs that don't say the version, by words of their own.
_SILENT = {
    "lnstat": b"Your kernel doesn't have lnstat support. ",
    "tipc": b"Unable to get TIPC nl family id (module loaded?)\n",
    "arpd": b"/var/lib/arpd/arpd.db",
    "bridge": b"bridge utility, 0.0\n",
}

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


class Iproute2(Project):
    """One file for each program, or links to one."""

    tools = ("iproute2",)
    sources = ("iproute2", "iproute")
    programs = (
        "ip", "tc", "ss", "bridge", "arpd", "ctstat", "dcb", "devlink", "dpll", "genl", "ifcfg", "ifstat", "lnstat",
        "netshaper", "nstat", "rdma", "routef", "routel", "rtacct", "rtmon", "rtpr", "rtstat", "tipc", "vdpa",
    )  # fmt: skip
    named_by_banner = ("ip", "tc", "ss", "bridge")

    def read(self, loaded: Loaded) -> Signs | None:
        """By the banner, or by words of a program that has none."""
        found, programs = banner(loaded, _BANNER) if loaded.has(b" utility, ") else (None, frozenset[str]())
        if found is None:
            silent = next((program for program, words in _SILENT.items() if loaded.has(words)), None)
            return Signs(words=silent) if silent else None
        versions = (text(found["version"]),) if found["version"] else whole(loaded.strings, _VERSION, 1)
        if found["prefix"]:
            versions = snapshots(loaded, _SNAPSHOT, text(found["prefix"]))
        return Signs(versions, programs=programs, words=text(found[0]))

    def compare(self, left: str, right: str) -> int | None:
        """By number or by day; a day against a number by the kernel that was the newest on that day."""
        days, numbers = (dated(left), dated(right)), (dotted(left), dotted(right))
        if days[0] is not None and numbers[1] is not None:
            return _compare_snapshot(days[0][0], numbers[1])
        if numbers[0] is not None and days[1] is not None:
            order = _compare_snapshot(days[1][0], numbers[0])
            return None if order is None else -order
        return compare_dated(left, right) if days[0] is not None else compare_dotted(left, right)


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
