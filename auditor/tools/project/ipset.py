"""ipset: since 7.0 its library prints the version."""

import re

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import whole

IPSET = "ipset"
#: The library that holds the set types, and since 7.0 the version.
LIBRARY = "libipset.so.*"
_FORMAT = re.compile(rb"%s v%s, protocol version:? %u\.?\n")
_VERSION = re.compile(rb"[1-9]\.\d{1,2}(?:\.\d{1,2})?")


class Ipset(Project):
    """Dotted versions; up to 6.38 in the program, then in the library."""

    tools = (IPSET,)
    sources = ("ipset",)
    programs = ("ipset", "ipset-translate")

    def read(self, loaded: Loaded) -> Signs | None:
        """By the format of its version line, or by the library's function that it calls."""
        if loaded.has(b", protocol version") and loaded.search(_FORMAT) and b"ipset" in loaded.strings:
            return Signs(_versions(loaded), words="ipset")
        if loaded.has(b"\0ipset_parse_argv\0") and any(name.startswith("libipset.so") for name in loaded.elf.needed):
            return Signs(library=LIBRARY, words="ipset_parse_argv")
        return None

    def library_versions(self, loaded: Loaded) -> tuple[str, ...]:
        """Of a libipset that prints the version line."""
        return _versions(loaded) if loaded.search(_FORMAT) else ()


def _versions(loaded: Loaded) -> tuple[str, ...]:
    """The whole strings like a version; of several, those that are variables, as `program_version` is."""
    versions = whole(loaded.strings, _VERSION)
    return versions if len(versions) < 2 else whole(loaded.writable_strings, _VERSION) or versions
