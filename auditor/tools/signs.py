"""What a program's bytes show of the project that it comes from: one reader for each project.

Each knows the words of its project's own version banner. A reader takes a program for its own only where such words
are there, and gives every string that could be the version; whoever calls decides what several of them mean.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from auditor.tools.loaded import Loaded


@dataclass(frozen=True, slots=True)
class Signs:
    """What was seen, whatever the program's name."""

    project: str  # "xtables", a tool's name, "busybox"
    versions: tuple[str, ...] = ()
    flavour: str | None = None  # of iptables
    programs: frozenset[str] = frozenset()  # what the banner calls the program; empty where it doesn't tell
    library: str = ""  # glob of the soname that holds the version instead
    words: str = ""  # by which the project was told


_XTABLES_PROGRAMS = (
    b"iptables", b"ip6tables", b"iptables-save", b"ip6tables-save", b"iptables-restore", b"ip6tables-restore",
    b"iptables-compat", b"ip6tables-compat",
)  # fmt: skip
# iptables 1.8.9 and later name version and flavour in one string; from 1.8.0 the format names the flavour.
_XTABLES_NAMED = re.compile(rb"(\d+(?:\.\d+)+(?:-?rc\d+)?) \((nf_tables|legacy)\)")
_XTABLES_FORMAT = re.compile(rb"%s v%s \((nf_tables|legacy)\)(?:: )?\n?")
_XTABLES_VERSION = re.compile(rb"[1-9]\.\d{1,2}\.\d{1,2}(?:\.\d{1,2})?(?:-?rc\d+)?")
_IPSET_FORMAT = re.compile(rb"%s v%s, protocol version:? %u\.?\n")
_IPSET_VERSION = re.compile(rb"[1-9]\.\d{1,2}(?:\.\d{1,2})?")
_DESCRIBED = rb"(?:-\d+-g[0-9a-f]{4,40})?"  # as git-describe(1) adds to a release's name
_IPUTILS_OLD = re.compile(rb"(?P<program>\w+) utility, iputils-(?:(?P<prefix>s{0,2})%s\n|(?P<version>s{0,3}\d{6,8}))")
_IPUTILS_VERSION = re.compile(rb"s?20\d{6}" + _DESCRIBED)
_IPUTILS_SNAPSHOT = re.compile(rb"s?(?:20)?\d{6}")
_IPROUTE2_BANNER = re.compile(
    rb"(?:%s|(?P<program>[a-z]+)) utility, iproute2-(?:(?P<prefix>ss)?%s|(?P<version>ss\d{6}|\d+\.\d+\.\d+))"
    rb"|(?:bridge|netshaper) utility, %s\n"
)
_IPROUTE2_VERSION = re.compile(rb"v?((?:[4-9]|[1-9]\d)\.\d{1,3}\.\d{1,3}(?:-rc\d+)?" + _DESCRIBED + rb")")
_IPROUTE2_SNAPSHOT = re.compile(rb"\d{6}")
# Programs of iproute2 that don't say its version, by words of their own.
_IPROUTE2_SILENT = {
    "lnstat": b"Your kernel doesn't have lnstat support. ",
    "tipc": b"Unable to get TIPC nl family id (module loaded?)\n",
    "arpd": b"/var/lib/arpd/arpd.db",
    "bridge": b"bridge utility, 0.0\n",
}
_CONNTRACK_FORMATS = {
    "conntrack": re.compile(rb"%s v(?:%s|(\d+\.\d+\.\d+)) \(conntrack-tools\)"),
    "conntrackd": re.compile(rb"Connection tracking userspace daemon v(?:%s|(\d+\.\d+\.\d+))"),
    "nfct": re.compile(rb"nfct v(?:%s|(\d+\.\d+\.\d+)): "),
}
_CONNTRACK_VERSION = re.compile(rb"[0-9]\.\d{1,2}\.\d{1,2}(?:-?(?:rc|beta)\d+)?")
_BUSYBOX = re.compile(rb"BusyBox v(\d+\.\d+(?:\.\d+)?)")
_TOYBOX = re.compile(rb"[Tt]oybox (?:%s|(\d+\.\d+\.\d+))[^\0\n]{0,40} multicall binary")


def read_signs(loaded: Loaded) -> Signs | None:
    """The project that a program comes from; None where it is none of the known ones."""
    for reader in _READERS:
        signs = reader(loaded)
        if signs is not None:
            return signs
    return None


def ipset_library_versions(loaded: Loaded) -> tuple[str, ...]:
    """The strings of a libipset that could be its version; since 7.0 it prints the version for `ipset`."""
    return _ipset_versions(loaded) if loaded.search(_IPSET_FORMAT) else ()


def _whole(strings: Iterable[bytes], pattern: re.Pattern[bytes], group: int = 0) -> tuple[str, ...]:
    matches = (pattern.fullmatch(text) for text in strings)
    return tuple(sorted({match[group].decode("ascii") for match in matches if match}))


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")


def _busybox(loaded: Loaded) -> Signs | None:
    """busybox or toybox: one program that answers to many names."""
    if loaded.has(b"BusyBox v") and (loaded.has(b" multi-call binary") or b"busybox" in loaded.strings):
        banner = loaded.search(_BUSYBOX)
        if banner:
            return Signs("busybox", (_text(banner[1]),), words=_text(banner[0]))
    toybox = loaded.search(_TOYBOX) if loaded.has(b" multicall binary") else None
    if toybox:
        versions = (_text(toybox[1]),) if toybox[1] else ()
        return Signs("busybox", versions, words="Toybox multicall binary")
    return None


def _xtables(loaded: Loaded) -> Signs | None:
    if not loaded.has(b"tables"):
        return None
    strings = loaded.strings
    name = next((name for name in _XTABLES_PROGRAMS if name in strings), None)
    if name is None:
        return None
    named = [match for text in strings if (match := _XTABLES_NAMED.fullmatch(text))]
    formats = [match for text in strings if (match := _XTABLES_FORMAT.fullmatch(text))]
    said = {_text(match[2]) for match in named} or {_text(match[1]) for match in formats}
    flavours = said or _xtables_flavours_by_library(loaded)
    if not flavours:
        return None
    versions = tuple(sorted({_text(match[1]) for match in named})) or _xtables_versions(loaded)
    return Signs("xtables", versions, flavours.pop() if len(flavours) == 1 else None, words=_text(name))


def _xtables_flavours_by_library(loaded: Loaded) -> set[str]:
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


def _xtables_versions(loaded: Loaded) -> tuple[str, ...]:
    """The whole strings like a version; of several, those that a pointer leads to, as `struct xtables_globals` has."""
    versions = _whole(loaded.strings, _XTABLES_VERSION)
    if len(versions) < 2:
        return versions
    places = {
        address: text
        for text in versions
        for address, _ in loaded.matches(re.compile(rb"(?<![\x20-\x7e])" + re.escape(text.encode()) + rb"\0"))
    }
    pointed = tuple(sorted({places[target] for _, target in loaded.pointers_to(places)}))
    return pointed or versions


def _ipset(loaded: Loaded) -> Signs | None:
    if loaded.has(b", protocol version") and loaded.search(_IPSET_FORMAT) and b"ipset" in loaded.strings:
        return Signs("ipset", _ipset_versions(loaded), words="ipset")
    if loaded.has(b"\0ipset_parse_argv\0") and any(name.startswith("libipset.so") for name in loaded.elf.needed):
        return Signs("ipset", library="libipset.so.*", words="ipset_parse_argv")
    return None


def _ipset_versions(loaded: Loaded) -> tuple[str, ...]:
    """The whole strings like a version; of several, those that are variables, as `program_version` is."""
    versions = _whole(loaded.strings, _IPSET_VERSION)
    return versions if len(versions) < 2 else _whole(loaded.writable_strings, _IPSET_VERSION) or versions


def _iputils(loaded: Loaded) -> Signs | None:
    if not loaded.has(b"iputils"):
        return None
    if b"iputils" in loaded.strings and b"%s from %s %s\n" in loaded.strings:
        return Signs("iputils", _whole(loaded.strings, _IPUTILS_VERSION), words="%s from %s %s")
    banner, programs = _banner(loaded, _IPUTILS_OLD)
    if banner is None:
        return None
    versions = (_text(banner["version"]),) if banner["version"] else _whole(loaded.strings, _IPUTILS_VERSION)
    if banner["prefix"]:
        versions = _snapshots(loaded, _IPUTILS_SNAPSHOT, _text(banner["prefix"]))
    return Signs("iputils", versions, programs=programs, words=_text(banner[0]))


def _iproute2(loaded: Loaded) -> Signs | None:
    banner, programs = _banner(loaded, _IPROUTE2_BANNER) if loaded.has(b" utility, ") else (None, frozenset[str]())
    if banner is None:
        silent = (program for program, words in _IPROUTE2_SILENT.items() if loaded.has(words))
        found = next(silent, None)
        return Signs("iproute2", words=found) if found else None
    versions = (_text(banner["version"]),) if banner["version"] else _whole(loaded.strings, _IPROUTE2_VERSION, 1)
    if banner["prefix"]:
        versions = _snapshots(loaded, _IPROUTE2_SNAPSHOT, _text(banner["prefix"]))
    return Signs("iproute2", versions, programs=programs, words=_text(banner[0]))


def _banner(loaded: Loaded, pattern: re.Pattern[bytes]) -> tuple[re.Match[bytes] | None, frozenset[str]]:
    """The first string that starts like a version banner, and every program that such a string names."""
    texts = sorted(text for text in loaded.strings if b" utility, " in text)
    found = [match for text in texts if (match := pattern.match(text))]
    named = frozenset(_text(match["program"]) for match in found if match["program"])
    return (found[0] if found else None), named


def _snapshots(loaded: Loaded, pattern: re.Pattern[bytes], prefix: str) -> tuple[str, ...]:
    """The strings that can be a date, as the banner prints them: year, month, day."""
    texts = _whole(loaded.strings, pattern)
    return tuple(f"{prefix}{text}" for text in texts if 1 <= int(text[-4:-2]) <= 12 and 1 <= int(text[-2:]) <= 31)


def _conntrack(loaded: Loaded) -> Signs | None:
    found = {name: match for name, format_ in _CONNTRACK_FORMATS.items() if (match := loaded.search(format_))}
    if not found:
        return None
    inline = tuple(sorted({_text(match[1]) for match in found.values() if match[1]}))
    words = _text(next(iter(found.values()))[0])
    versions = inline or _whole(loaded.strings, _CONNTRACK_VERSION)
    return Signs("conntrack-tools", versions, programs=frozenset(found), words=words)


# busybox first: its applets carry the words of the tools that they stand for.
_READERS: tuple[Callable[[Loaded], Signs | None], ...] = (_busybox, _xtables, _ipset, _iputils, _iproute2, _conntrack)
