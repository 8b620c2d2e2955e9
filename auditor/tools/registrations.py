"""What an xtables plug-in, or a program with extensions inside, registers with libxtables."""

import re
import struct

from msgspec import Struct

from auditor.budget import Count, uncounted
from auditor.elf.read.file import ElfFile
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.symbols import SymbolTable
from auditor.filetree import Content
from auditor.tools.loaded import Loaded, load

_VERSION = re.compile(rb"(libxtables\.so\.(\d{1,4})(?:\.\d+)*)\0")
_NAME = re.compile(rb"[!-~]{1,29}")
_NAMES_WEIGHT = 8  # a name costs as much as so many relocations that are gone through as arrays
_NAME_LENGTH = 29  # XT_EXTENSION_MAXNAMELEN with its NUL
_FAMILIES = {0: "any", 2: "ipv4", 3: "arp", 7: "bridge", 10: "ipv6"}  # NFPROTO_*
_REAL_NAME_SINCE = 9  # of libxtables' ABI versions; 10 brought the flags, in what was padding
_REGISTER = {
    "match": frozenset((b"xtables_register_match", b"xtables_register_matches")),
    "target": frozenset((b"xtables_register_target", b"xtables_register_targets")),
}


class Registration(Struct, frozen=True):
    """One struct that is registered. `kind` is `match` or `target`; `family` is `any` where it serves all."""

    kind: str
    name: str
    revision: int
    family: str
    version: str  # of libxtables' ABI: `libxtables.so.12`


def registrations(content: Content, elf: ElfFile, count: Count = uncounted) -> tuple[Registration, ...]:
    """Every match and target in the file's data, in the order of the pointers to them; empty where it has none.

    `struct xtables_match` and `struct xtables_target` (include/xtables.h) start alike: pointers to the version, the
    next one and the name, from ABI version 9 on to the real name; then u8 revision, u8 flags, u16 family. They are
    found by the pointer to the version. `count` is told how many relocations are looked at.
    """
    loaded = load(content, elf)
    versions = dict(loaded.matches(_VERSION))
    if not versions:
        return ()
    pointers = dict(loaded.pointers(count))
    kinds = _imported_kinds(content, elf, count)
    found: dict[Registration, None] = {}
    for address, target in pointers.items():
        match = versions.get(target)
        entry = _structure(loaded, pointers, address, int(match[2])) if match else None
        if match is None or entry is None:
            continue
        name, revision, family = entry
        kind = _kind(kinds, name, family)
        found[Registration(kind, name, revision, family, match[1].decode("ascii"))] = None
    return tuple(found)


_Entry = tuple[str, int, str]


def _structure(loaded: Loaded, pointers: dict[int, int], address: int, abi: int) -> _Entry | None:
    """(name, revision, family) of the struct at an address; None where there is none."""
    word = loaded.elf.word_size
    name = loaded.text(pointers.get(address + 2 * word, -1), _NAME_LENGTH)
    pointed = 4 if abi >= _REAL_NAME_SINCE else 3
    fields = loaded.read(address + pointed * word, 4)
    if len(fields) < 4 or not _NAME.fullmatch(name):
        return None
    revision, _, family = struct.unpack(loaded.elf.prefix + "BBH", fields)
    if family not in _FAMILIES:
        return None
    return name.decode("ascii"), revision, _FAMILIES[family]


def _imported_kinds(content: Content, elf: ElfFile, count: Count) -> frozenset[str]:
    """What the file registers, by the functions that it takes from libxtables; empty where it has them inside."""
    try:
        table = SymbolTable(elf.memory(content), elf, count=lambda number: count(_NAMES_WEIGHT * number))
        names = {reference.name for reference in table.references()}
    except Unreadable:
        return frozenset()
    return frozenset(kind for kind, functions in _REGISTER.items() if names & functions)


# Extensions of ebtables in lower case that are targets, or watchers, which are registered as targets.
_BRIDGE_TARGETS = frozenset(("arpreply", "dnat", "log", "mark", "nflog", "redirect", "snat", "standard", "ulog"))


def _kind(imported: frozenset[str], name: str, family: str) -> str:
    """What a struct is. Where the imports don't tell, the name does: upstream's matches are in lower case, targets in
    upper case (extensions/GNUmakefile.in makes the manual by that rule), but for `standard` and those of other
    families.
    """
    if len(imported) == 1:
        return next(iter(imported))
    if family == "bridge":
        return "target" if name in _BRIDGE_TARGETS else "match"
    return "target" if family == "arp" or name == "standard" or name[:1].isupper() else "match"
