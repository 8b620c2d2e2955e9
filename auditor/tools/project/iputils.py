"""iputils: ping and its neighbours, numbered by date: `s20161105`, since 2020 `20221126`."""

import re

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import DESCRIBED, banner, snapshots, text, whole
from auditor.tools.versions import compare_dated

_OLD = re.compile(rb"(?P<program>\w+) utility, iputils-(?:(?P<prefix>s{0,2})%s\n|(?P<version>s{0,3}\d{6,8}))")
_VERSION = re.compile(rb"s?20\d{6}" + DESCRIBED)
_SNAPSHOT = re.compile(rb"s?(?:20)?\d{6}")


class Iputils(Project):
    """One file for each program."""

    tools = ("iputils",)
    sources = ("iputils",)
    programs = (
        "ping", "ping4", "ping6", "arping", "tracepath", "tracepath4", "tracepath6", "clockdiff", "rdisc", "ninfod",
    )  # fmt: skip
    named_by_banner = ("ping", "arping", "tracepath", "clockdiff")

    def read(self, loaded: Loaded) -> Signs | None:
        """By the format of its version line, new or old."""
        if not loaded.has(b"iputils"):
            return None
        if b"iputils" in loaded.strings and b"%s from %s %s\n" in loaded.strings:
            return Signs(whole(loaded.strings, _VERSION), words="%s from %s %s")
        found, programs = banner(loaded, _OLD)
        if found is None:
            return None
        versions = (text(found["version"]),) if found["version"] else whole(loaded.strings, _VERSION)
        if found["prefix"]:
            versions = snapshots(loaded, _SNAPSHOT, text(found["prefix"]))
        return Signs(versions, programs=programs, words=text(found[0]))

    def compare(self, left: str, right: str) -> int | None:
        """By day."""
        return compare_dated(left, right)
