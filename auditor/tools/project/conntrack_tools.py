"""conntrack-tools: conntrack, its daemon, and nfct."""

import re

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import text, whole

_FORMATS = {
    "conntrack": re.compile(rb"%s v(?:%s|(\d+\.\d+\.\d+)) \(conntrack-tools\)"),
    "conntrackd": re.compile(rb"Connection tracking userspace daemon v(?:%s|(\d+\.\d+\.\d+))"),
    "nfct": re.compile(rb"nfct v(?:%s|(\d+\.\d+\.\d+)): "),
}
_VERSION = re.compile(rb"[0-9]\.\d{1,2}\.\d{1,2}(?:-?(?:rc|beta)\d+)?")


class ConntrackTools(Project):
    """Dotted versions, in each program."""

    tools = ("conntrack-tools",)
    sources = ("conntrack-tools", "conntrack")
    programs = ("conntrack", "conntrackd", "nfct")
    named_by_banner = programs

    def read(self, loaded: Loaded) -> Signs | None:
        """By the format of each program's version line."""
        found = {name: match for name, format_ in _FORMATS.items() if (match := loaded.search(format_))}
        if not found:
            return None
        inline = tuple(sorted({text(match[1]) for match in found.values() if match[1]}))
        words = text(next(iter(found.values()))[0])
        return Signs(inline or whole(loaded.strings, _VERSION), programs=frozenset(found), words=words)
