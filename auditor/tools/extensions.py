"""Which matches and targets iptables would find as plug-ins, and which a build without plug-ins has inside.

Source of the rules: libxtables' `load_extension`, `xtables_find_match`, `xtables_find_target`, `xtables_register_match`
and `xtables_init` (libxtables/xtables.c).
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from auditor.budget import Count, uncounted
from auditor.elf.read.file import ElfFile, NotElf, read_elf
from auditor.filetree import Content, FileKind, FileTree, LookupFault, facts_of
from auditor.tools.identify import read_signs
from auditor.tools.loaded import load
from auditor.tools.model import Extension
from auditor.tools.registrations import Registration, registrations

_PREFIXES = {"ipv4": "libipt_", "ipv6": "libip6t_", "arp": "libarpt_", "bridge": "libebt_"}
_COMMON = "libxt_"
_SUFFIX = ".so"
_PATH_SIZE = 256  # of load_extension's buffer; a longer path is cut
# Names that libxtables looks up under another one.
_SYNONYMS = {
    ("match", "icmp6"): ("icmpv6", "ipv6-icmp"),
    ("target", "standard"): ("ACCEPT", "DROP", "QUEUE", "RETURN"),
}
# As distributions configure it: `xtables`, RHEL 6 `xtables-1.4.7`, before 1.4.3 `iptables`.
_USUAL_DIRECTORY = re.compile(rb"/[!-~]*/(?:xtables|iptables)(?:-[\d.]+)?")
_VERSION = re.compile(rb"libxtables\.so\.\d{1,4}")
_NEEDS_LABELS, _LABELS = b"cannot open connlabel.conf, not registering", "/etc/xtables/connlabel.conf"
_FACT = "registrations"
_ANY_DIRECTORY = re.compile(rb"/[!-~]{1,200}")


class RefusedExtension(Struct, frozen=True):
    """A plug-in that is where iptables looks a name up, and that it would not take for that name.

    `kind` is as registered; a file that registers nothing of the name stands in the way of both, and is given as both.
    """

    family: str
    kind: str
    name: str
    path: str
    reason: str


class ExtensionSearch(Struct, frozen=True):
    """What a look-up of every name finds, and what stands in its way."""

    extensions: tuple[Extension, ...]
    refused: tuple[RefusedExtension, ...] = ()


def search_extensions(
    tree: FileTree, libxtables: tuple[str, Content, ElfFile], env: Mapping[str, str], count: Count = uncounted
) -> ExtensionSearch:
    """Look up every name that has a file, as each family would, and say what it would find.

    `libxtables` is the library that the program loads (real path, content, what it says), `env` the program's
    environment. A name that all families find alike has the family `any`. Whether a plug-in then loads (dlopen(3)) is
    not judged here; of several directories, all that could serve a name are given, in case an earlier one doesn't load.
    `count` is told how many relocations are looked at.
    """
    _, content, elf = libxtables
    lookup = _Lookup(tree, _abi_version(content, elf), count)
    found: set[Extension] = set()
    refused: set[RefusedExtension] = set()
    directories = plugin_directories(tree, content, elf, env)
    names = {directory: _plugin_names(tree, directory) for directory in directories}
    for family, prefix in _PREFIXES.items():
        wanted = {name[len(start) : -len(_SUFFIX)] for start in (prefix, _COMMON)
                  for listed in names.values() for name in listed if name.startswith(start)}  # fmt: skip
        for name in wanted:
            for item in lookup.find(directories, family, name):
                if isinstance(item, Extension):
                    found.add(item)
                else:
                    refused.add(item)
    return ExtensionSearch(_sorted(_joined(found)), tuple(sorted(refused, key=lambda e: (e.path, e.family, e.kind))))


def built_in_extensions(path: str, content: Content, elf: ElfFile, count: Count = uncounted) -> tuple[Extension, ...]:
    """The matches and targets inside a program, sorted; empty where it takes them all from plug-ins.

    `path` is the program's, and becomes that of each extension; they serve the program's own flavour alone.
    """
    entries = registrations(content, elf, count)
    if not entries:
        return ()
    told = read_signs(load(content, elf))
    flavour = (told[1].flavour if told else None) or ""
    found = (extension for entry in entries for extension in _named(entry, entry.family, path))
    return _sorted(replace(extension, flavour=flavour) for extension in found)


def file_beside(content: Content, elf: ElfFile) -> str:
    """A file without which a plug-in does not register; empty for all but connlabel before iptables 1.6.

    Its _init asks nfct_labelmap_new(NULL) of libnetfilter_conntrack, which reads that path (libxt_connlabel.c).
    """
    return _LABELS if load(content, elf).has(_NEEDS_LABELS) else ""


def plugin_directories(tree: FileTree, content: Content, elf: ElfFile, env: Mapping[str, str]) -> tuple[str, ...]:
    """Where libxtables (`content`, `elf`) looks for plug-ins, in order.

    XTABLES_LIBDIR, or else IPTABLES_LIB_DIR, else IP6TABLES_LIB_DIR, as far as this libxtables asks for them, may name
    several directories, separated by colons. Without them it is the one that was compiled in: the text that looks like
    the usual name, else the only one that names a directory with plug-ins in it; none where that doesn't tell.
    """
    strings = load(content, elf).strings
    for variable in ("XTABLES_LIBDIR", "IPTABLES_LIB_DIR", "IP6TABLES_LIB_DIR"):
        if variable in env and variable.encode() in strings:
            return tuple(dict.fromkeys(env[variable].split(":")))
    usual = {text.decode("ascii") for text in strings if _USUAL_DIRECTORY.fullmatch(text)}
    candidates = usual or {text.decode("ascii") for text in strings if _ANY_DIRECTORY.fullmatch(text)}
    if len(candidates) > 1:
        candidates = {directory for directory in candidates if any(_plugin_names(tree, directory))}
    return tuple(candidates) if len(candidates) == 1 else ()


def _plugin_names(tree: FileTree, directory: str) -> list[str]:
    """File names in the directory that a look-up could ask for. A relative directory is anybody's guess."""
    if directory and not directory.startswith("/"):
        return []
    prefixes = (*_PREFIXES.values(), _COMMON)
    return [name for name in tree.listdir(directory or "/") if name.startswith(prefixes) and name.endswith(_SUFFIX)]


class _Lookup:
    """One program's look-ups. Plug-ins are read once."""

    def __init__(self, tree: FileTree, version: str, count: Count) -> None:
        self._tree = tree
        self._version = version
        self._count = count
        self._read: dict[int, tuple[tuple[Registration, ...], str]] = {}

    def find(self, directories: tuple[str, ...], family: str, name: str) -> Iterator[Extension | RefusedExtension]:
        """What `-m name` and `-j name` would find.

        The first file that exists decides in its directory; the next directory is asked only where it doesn't load.
        That a plug-in serves other families, or other names by links to it, is how it is meant, and no refusal.
        """
        for directory in directories:
            for prefix in (_PREFIXES[family], _COMMON):
                path = f"{directory}/{prefix}{name}{_SUFFIX}"
                if len(path.encode("utf-8", "surrogateescape")) >= _PATH_SIZE:
                    continue
                found = self._tree.find(path)
                if found.fault in (LookupFault.LOOP, LookupFault.NOT_A_DIRECTORY):
                    return
                if found.node is None:
                    continue
                if found.node.kind is not FileKind.REGULAR or found.node.content is None:
                    regular = found.node.kind is FileKind.REGULAR
                    yield from _refused(family, name, path, "can't be read" if regular else "not a regular file")
                    break
                entries, fault = self._registrations(found.node.inode, found.node.content)
                mine = [entry for entry in entries if entry.name == name]
                served = [entry for entry in mine if entry.family in (family, "any")]
                yield from self._judged(served, family, path)
                if not served:
                    if not mine and (found.links or not entries):
                        yield from _refused(family, name, path, fault or f"it doesn't register {name}")
                    return
                break

    def _judged(
        self, entries: Iterable[Registration], family: str, path: str
    ) -> Iterator[Extension | RefusedExtension]:
        for entry in entries:
            if entry.version == self._version:
                yield from _named(entry, family, path)
            else:
                reason = f"it is made for {entry.version}, and the program loads {self._version}"
                yield RefusedExtension(family, entry.kind, entry.name, path, reason)

    def _registrations(self, inode: int, content: Content) -> tuple[tuple[Registration, ...], str]:
        """What the plug-in registers, and what is wrong with the file."""
        if inode not in self._read:
            facts = facts_of(content)
            known = facts.known.get(_FACT)
            if not isinstance(known, _Registered):
                known = facts.known[_FACT] = _registered(content, self._count)
            else:
                self._count(known.counted)  # by an image that has this file too
            self._read[inode] = known.entries, known.fault
        return self._read[inode]


class _Registered(Struct, frozen=True):
    """What a plug-in registers, what is wrong with the file, and how many relocations were looked at for that."""

    entries: tuple[Registration, ...]
    fault: str
    counted: int


def _registered(content: Content, count: Count) -> _Registered:
    counted = 0

    def counting(number: int) -> None:
        nonlocal counted
        counted += number
        count(number)

    elf = read_elf(content)
    if isinstance(elf, NotElf):
        return _Registered((), elf.reason, 0)
    return _Registered(registrations(content, elf, counting), elf.fault or "", counted)


def _refused(family: str, name: str, path: str, reason: str) -> Iterator[RefusedExtension]:
    for kind in ("match", "target"):
        yield RefusedExtension(family, kind, name, path, reason)


def _abi_version(content: Content, elf: ElfFile) -> str:
    """What libxtables asks plug-ins for: XTABLES_VERSION, which is the soname that it was built with."""
    versions = [text for text in load(content, elf).strings if _VERSION.fullmatch(text)]
    return versions[0].decode("ascii") if len(versions) == 1 else elf.soname or ""


def _named(entry: Registration, family: str, path: str) -> Iterator[Extension]:
    """The extension under its name, and under those that libxtables takes for it."""
    for name in (entry.name, *_SYNONYMS.get((entry.kind, entry.name), ())):
        yield Extension("", family, entry.kind, name, entry.revision, path)


def _joined(found: set[Extension]) -> Iterator[Extension]:
    """The extensions, with one of the family `any` for those that every family finds alike."""
    for extension in found:
        others = {replace(extension, family=family) for family in _PREFIXES}
        yield replace(extension, family="any") if others <= found else extension


def _sorted(found: Iterable[Extension]) -> tuple[Extension, ...]:
    return tuple(sorted(set(found), key=lambda e: (e.name, e.kind, e.family, e.revision, e.path)))
