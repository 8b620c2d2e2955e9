"""iptables and ip6tables, in their two flavours."""

import re

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import text, whole

IPTABLES, IP6TABLES = "iptables", "ip6tables"
#: The tool of each family of rules.
TOOL_OF_STACK = {"ipv4": IPTABLES, "ipv6": IP6TABLES}
#: How plug-ins of the two families are called: those of one, and those of both.
PLUGIN_PREFIXES = ("libxt_", "libipt_", "libip6t_")
#: The kernel interface that a program uses, with the word that names its programs.
FLAVOURS = {"nf_tables": "nft", "legacy": "legacy"}
_SUFFIXES = ("", "-save", "-restore")

_NAME = re.compile(
    r"(iptables|ip6tables)(-nft|-legacy|-compat)?(-save|-restore|-translate|-restore-translate|-xml|-apply|-multi"
    r"|-static)?",
    re.ASCII,
)
#: Multi-call binaries and the monitor serve both families.
BOTH = frozenset(
    ("xtables-multi", "xtables-legacy-multi", "xtables-nft-multi", "xtables-compat-multi", "xtables-monitor")
)
_WORDS = (
    b"iptables", b"ip6tables", b"iptables-save", b"ip6tables-save", b"iptables-restore", b"ip6tables-restore",
    b"iptables-compat", b"ip6tables-compat",
)  # fmt: skip
# iptables 1.8.9 and later name version and flavour in one string; from 1.8.0 the format names the flavour.
_NAMED = re.compile(rb"(\d+(?:\.\d+)+(?:-?rc\d+)?) \((nf_tables|legacy)\)")
_FORMAT = re.compile(rb"%s v%s \((nf_tables|legacy)\)(?:: )?\n?")
_VERSION = re.compile(rb"[1-9]\.\d{1,2}\.\d{1,2}(?:\.\d{1,2})?(?:-?rc\d+)?")
_PLACED = re.compile(rb"(?<![\x20-\x7e])(%s)\0" % _VERSION.pattern)


def variant_programs(tool: str, flavour: str) -> tuple[tuple[str, str], ...]:
    """The programs of one flavour: each by its own name, and by the plain one that may run it."""
    return tuple((f"{tool}-{FLAVOURS[flavour]}{suffix}", f"{tool}{suffix}") for suffix in _SUFFIXES)


class Xtables(Project):
    """Multi-call binaries with some thirty names, of which a node uses one flavour or the other."""

    tools = (IPTABLES, IP6TABLES)
    sources = ("iptables",)
    picked_at_run_time = True  # as kubernetes-sigs/iptables-wrappers do, a script of old and a Go program of today
    variants = tuple(named for tool in tools for flavour in FLAVOURS for named, _ in variant_programs(tool, flavour))

    def tools_of(self, program: str) -> tuple[str, ...]:
        """By the family in the name."""
        if program in BOTH:
            return self.tools
        match = _NAME.fullmatch(program)
        return (match[1],) if match else ()

    def rank(self, tool: str, program: str) -> tuple[int, str]:
        """After the plain names come the flavoured ones, and the multi-call binaries last."""
        if program == tool:
            return (0, program)
        if program in BOTH:
            return (4, program)
        return (2 if re.search(r"-(nft|legacy|compat)", program) else 1, program)

    def read(self, loaded: Loaded) -> Signs | None:
        """By the names of its programs, with what tells a flavour."""
        if not loaded.has(b"tables"):
            return None
        strings = loaded.strings
        name = next((name for name in _WORDS if name in strings), None)
        if name is None:
            return None
        named = [match for string in strings if (match := _NAMED.fullmatch(string))]
        formats = [match for string in strings if (match := _FORMAT.fullmatch(string))]
        said = {text(match[2]) for match in named} or {text(match[1]) for match in formats}
        flavours = said or _flavours_by_library(loaded)
        if not flavours:
            return None
        versions = tuple(sorted({text(match[1]) for match in named})) or _versions(loaded)
        return Signs(versions, flavours.pop() if len(flavours) == 1 else None, words=text(name))


def _flavours_by_library(loaded: Loaded) -> set[str]:
    """The kernel interface that the program uses, by the libraries that speak it: a build before 1.8 doesn't say.

    One with libiptc inside has that library's words for a missing table.
    """
    needed = loaded.elf.needed
    if not any(name.startswith("libxtables.so") for name in needed):
        inside = loaded.has(b"iptables who? (do you need to insmod?)") and loaded.has(b"%s v%s")
        return {"legacy"} if inside else set()
    nft = any(name.startswith("libnftnl.so") for name in needed)
    legacy = any(name.startswith(("libip4tc.so", "libip6tc.so", "libiptc.so")) for name in needed)
    return {flavour for flavour, seen in (("nf_tables", nft), ("legacy", legacy)) if seen}


def _versions(loaded: Loaded) -> tuple[str, ...]:
    """The whole strings like a version; of several, those that a pointer leads to, as `struct xtables_globals` has."""
    versions = whole(loaded.strings, _VERSION)
    if len(versions) < 2:
        return versions
    whole_ones = frozenset(versions)
    placed = ((address, text(match[1])) for address, match in loaded.matches(_PLACED))
    places = {address: version for address, version in placed if version in whole_ones}
    pointed = tuple(sorted({places[target] for _, target in loaded.pointers_to(places)}))
    return pointed or versions
