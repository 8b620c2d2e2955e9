"""What a program is, by its own bytes: which tool, which version, which flavour.

Nothing is guessed: a program that holds several strings that could be its version has none.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from auditor.elf.file import ElfFile, NotElf, read_elf
from auditor.filetree import Content
from auditor.tools.catalogue import tools_of
from auditor.tools.model import Evidence, Identity
from auditor.tools.strings import Strings, read_strings

#: Gives real path and content of an object of the program's closure, by a glob of its soname.
Library = Callable[[str], tuple[str, Content] | None]

_DOTTED = rb"\d+\.\d+\.\d+(?:\.\d+)?[a-z]?"
_KEPT = 32  # files


@dataclass(frozen=True, slots=True)
class _Signs:
    """What was seen in a program, whatever its name."""

    project: str = ""  # "xtables", or the tool's name
    versions: tuple[str, ...] = ()
    flavour: str | None = None
    kind: str = "elf-string"
    reason: str = ""
    library: str = ""  # glob of the soname that has the version instead


_kept: dict[int, tuple[Content, _Signs]] = {}


def identify(name: str, path: str, content: Content, elf: ElfFile | NotElf, library: Library) -> Identity:
    """What the file behind the program `name` is; `path` is its real path, for the evidence.

    A script has the reason `script`, a busybox or toybox the tool `busybox` or `toybox` and the reason `applet`. An
    ELF file that is no program of a tool that `name` belongs to has the tool "" and a reason that starts with `other`.
    A version of None has the reason `no version string` or `ambiguous: A, B`.
    """
    if isinstance(elf, NotElf):
        head = content.read(0, 2)
        reason = "script" if head == b"#!" else f"other: {elf.reason}"
        evidence = (Evidence("script", "#!", path),) if head == b"#!" else ()
        return Identity("", None, None, evidence, reason)
    signs = _signs(content, elf)
    if signs.kind == "applet":
        version = next(iter(signs.versions), None)
        return Identity(signs.project, version, None, (Evidence("applet", signs.project, path),), "applet")
    if not signs.project:
        return Identity("", None, None, (), f"other: {signs.reason or 'not a program of a known tool'}")
    tools = ("iptables", "ip6tables") if signs.project == "xtables" else (signs.project,)
    belongs = tools_of(name)
    if belongs and not set(belongs) & set(tools):
        return Identity("", None, signs.flavour, (), f"other: a program of {tools[0]}")
    tool = next((tool for tool in belongs if tool in tools), tools[0])
    if signs.library:
        return _from_library(tool, signs, library)
    return _identity(tool, signs.versions, signs.flavour, Evidence(signs.kind, "", path))


def _identity(tool: str, versions: Iterable[str], flavour: str | None, where: Evidence) -> Identity:
    unique = sorted(set(versions))
    if len(unique) == 1:
        return Identity(tool, unique[0], flavour, (Evidence(where.kind, unique[0], where.path),))
    reason = f"ambiguous: {', '.join(unique)}" if unique else "no version string"
    return Identity(tool, None, flavour, (), reason)


def _from_library(tool: str, signs: _Signs, library: Library) -> Identity:
    found = library(signs.library)
    if found is None:
        return Identity(tool, None, signs.flavour, (), f"no version string: {signs.library} was not found")
    path, content = found
    return _identity(tool, _ipset_library(content), signs.flavour, Evidence("library-string", "", path))


def _signs(content: Content, elf: ElfFile) -> _Signs:
    """The signs of a file, kept for the next name that leads to it."""
    kept = _kept.get(id(content))
    if kept is not None and kept[0] is content:
        return kept[1]
    signs = _read(content, elf)
    while len(_kept) >= _KEPT:
        _kept.pop(next(iter(_kept)))
    _kept[id(content)] = (content, signs)
    return signs


def _read(content: Content, elf: ElfFile) -> _Signs:
    strings = read_strings(content, elf)
    if strings.too_large:
        return _Signs(reason="too large for a program of a known tool")
    for project in (_busybox, _xtables, _ipset, _iputils, _iproute2, _conntrack):
        signs = project(strings, elf)
        if signs is not None:
            return signs
    return _Signs()


def _texts(matches: Iterable[re.Match[bytes]], group: int = 0) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match[group].decode("ascii") for match in matches))


def _needs(elf: ElfFile, prefix: str) -> bool:
    return any(needed.startswith(prefix) for needed in elf.needed)


def _busybox(strings: Strings, _: ElfFile) -> _Signs | None:
    if strings.has(b"multi-call binary") or strings.has(b"multicall binary"):
        banner = strings.search(rb"BusyBox v(\d+\.\d+(?:\.\d+)?)")
        if banner:
            return _Signs("busybox", (banner[1].decode("ascii"),), kind="applet")
        if strings.search(rb"[Tt]oybox"):
            return _Signs("toybox", kind="applet")
    return None


def _xtables(strings: Strings, elf: ElfFile) -> _Signs | None:
    named = _texts(strings.bare(rb"(\d+(?:\.\d+)+[a-z]?) \((?:nf_tables|legacy)\)"))
    if not named and not _needs(elf, "libxtables.so") and not strings.has(b"Generated by"):
        return None
    if not named and not strings.has(b"%s v%s"):
        return None
    flavours = {text.partition(" (")[2].rstrip(")") for text in named}
    if not flavours:
        flavours = {
            flavour
            for flavour, sign in (("nf_tables", rb"%s v?%s \(nf_tables\)"), ("legacy", rb"%s v?%s \(legacy\)"))
            if strings.search(sign)
        }
    if not flavours:
        nft = _needs(elf, "libnftnl.so")
        legacy = _needs(elf, "libip4tc.so") or _needs(elf, "libip6tc.so") or _needs(elf, "libiptc.so")
        flavours = {name for name, seen in (("nf_tables", nft), ("legacy", legacy)) if seen}
    flavour = flavours.pop() if len(flavours) == 1 else None
    versions = tuple(text.partition(" ")[0] for text in named) or _texts(strings.bare(_DOTTED))
    return _Signs("xtables", versions, flavour)


def _ipset(strings: Strings, elf: ElfFile) -> _Signs | None:
    if strings.search(rb"%s v%s, protocol version:? %u"):
        return _Signs("ipset", _texts(strings.bare(rb"\d+\.\d+(?:\.\d+)?")))
    if _needs(elf, "libipset.so"):
        return _Signs("ipset", library="libipset.so.*")
    return None


def _ipset_library(content: Content) -> tuple[str, ...]:
    elf = read_elf(content)
    if isinstance(elf, NotElf):
        return ()
    strings = read_strings(content, elf)
    if not strings.search(rb"%s v%s, protocol version:? %u"):
        return ()
    return _texts(strings.bare(rb"\d+\.\d+(?:\.\d+)?"))


def _iputils(strings: Strings, _: ElfFile) -> _Signs | None:
    inline = strings.search(rb"(?:utility, iputils-|from iputils )(s{0,3}\d{6,8})\b")
    if inline:
        return _Signs("iputils", (inline[1].decode("ascii"),))
    named = strings.has_bare(b"iputils") and strings.search(rb"%s from %s %s\n")
    if named or strings.search(rb"utility, iputils-%s"):
        return _Signs("iputils", _texts(strings.bare(rb"s{0,3}(?:20)?\d{6}")))
    return None


def _iproute2(strings: Strings, _: ElfFile) -> _Signs | None:
    inline = strings.search(rb"\w+ utility, iproute2-((?:ss)?\d{6}|\d+(?:\.\d+)+)\b")
    if inline:
        return _Signs("iproute2", (inline[1].decode("ascii"),))
    if strings.search(rb"\w+ utility, iproute2-ss%s\n"):
        return _Signs("iproute2", tuple(f"ss{date}" for date in _texts(strings.bare(rb"\d{6}"))))
    if strings.search(rb"\w+ utility, iproute2-%s") or strings.search(rb"bridge utility, %s\n"):
        return _Signs("iproute2", _texts(strings.bare(rb"(?:[4-9]|\d\d)\.\d+\.\d+")))
    return None


def _conntrack(strings: Strings, _: ElfFile) -> _Signs | None:
    signs = (rb"%s v%s \(conntrack-tools\)", rb"Connection tracking userspace daemon v%s", rb"nfct v%s: ")
    if any(strings.search(sign) for sign in signs):
        return _Signs("conntrack-tools", _texts(strings.bare(rb"\d+\.\d+\.\d+")))
    return None
