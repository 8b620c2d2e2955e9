"""Which matches and targets iptables would find as plug-ins, and which a static build has inside.

Source of the rules: libxtables' `load_extension`, `xtables_find_match`, `xtables_register_match` and `xtables_init`
(libxtables/xtables.c), and `struct xtables_match` and `xtables_target` (include/xtables.h).
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.elf.file import ElfFile, NotElf, read_elf
from auditor.elf.memory import Memory, Unreadable
from auditor.elf.relocations import relative_relocations
from auditor.elf.symbols import SymbolTable
from auditor.filetree import Content, FileKind, FileTree
from auditor.tools.model import Extension
from auditor.tools.strings import read_strings

_PREFIXES = {"ipv4": "libipt_", "ipv6": "libip6t_", "arp": "libarpt_", "bridge": "libebt_"}
_COMMON = "libxt_"
_SUFFIX = ".so"
_FAMILY_NUMBERS = {2: "ipv4", 10: "ipv6", 3: "arp", 7: "bridge"}  # NFPROTO_*
_VERSION = re.compile(rb"libxtables\.so\.\d+(?:\.\d+)*")
_DIRECTORY = rb"/[\w./+-]*/(?:xtables|iptables)"
_NAME = re.compile(rb"[!-~]{1,29}")  # XT_EXTENSION_MAXNAMELEN
_PATH_LIMIT = 256  # load_extension's buffer


@dataclass(frozen=True, slots=True)
class Registration:
    """One struct that a plug-in registers. `family` is `any` where it serves all."""

    kind: str
    name: str
    real_name: str
    revision: int
    family: str
    version: str


def find_extensions(
    tree: FileTree, libxtables: tuple[str, Content, ElfFile], env: Mapping[str, str]
) -> tuple[Extension, ...]:
    """Every match and target that some family of iptables would find, sorted.

    `libxtables` is the library that the program loads (real path, content, what it says), `env` the environment.
    Whether a plug-in then loads is not judged here.
    """
    _, content, elf = libxtables
    found: set[Extension] = set()
    read: dict[str, tuple[Registration, ...]] = {}
    for directory in plugin_directories(content, elf, env):
        names = [name for name in tree.listdir(directory) if name.endswith(_SUFFIX)]
        for family, prefix in _PREFIXES.items():
            wanted = {name[len(start) : -len(_SUFFIX)] for name in names for start in (prefix, _COMMON)
                      if name.startswith(start)}  # fmt: skip
            for wanted_name in wanted:
                path = next(
                    (
                        place
                        for start in (prefix, _COMMON)
                        if tree.find(place := f"{directory}/{start}{wanted_name}{_SUFFIX}").node is not None
                    ),
                    None,
                )
                if path is None or len(path.encode("utf-8", "surrogateescape")) >= _PATH_LIMIT:
                    continue
                for entry in _registered(tree, path, read):
                    if entry.name == wanted_name and entry.family in (family, "any") and entry.version == elf.soname:
                        found.add(Extension("", family, entry.kind, entry.name, entry.revision, path))
    return _sorted(found)


def built_in_extensions(path: str, content: Content, elf: ElfFile) -> tuple[Extension, ...]:
    """The matches and targets inside a program, sorted: builds without plug-ins have them all there."""
    return _sorted({
        Extension("", entry.family, entry.kind, entry.name, entry.revision, path)
        for entry in registrations(content, elf)
    })  # fmt: skip


def plugin_directories(content: Content, elf: ElfFile, env: Mapping[str, str]) -> tuple[str, ...]:
    """Where libxtables looks for plug-ins: XTABLES_LIBDIR, else the directory that was compiled in."""
    chosen = env.get("XTABLES_LIBDIR", env.get("IPTABLES_LIB_DIR"))
    if chosen is not None:
        return tuple(dict.fromkeys(chosen.split(":")))
    matches = read_strings(content, elf).bare(_DIRECTORY)
    return tuple(dict.fromkeys(match[0].decode("ascii") for match in matches))


def registrations(content: Content, elf: ElfFile) -> tuple[Registration, ...]:
    """The structs of a plug-in or program; empty where it has none."""
    kinds = _kinds(content, elf)
    memory = elf.memory(content)
    targets = dict(relative_relocations(content, elf))
    found: dict[Registration, None] = {}
    for address, target in targets.items():
        version = _VERSION.fullmatch(_text(memory, target))
        entry = version and _structure(memory, elf, targets, address, version[0].decode())
        if entry:
            for kind in kinds or (_conventional_kind(entry.name),):
                found[Registration(kind, entry.name, entry.real_name, entry.revision, entry.family, entry.version)] = (
                    None
                )
    return tuple(found)


def _structure(
    memory: Memory, elf: ElfFile, targets: Mapping[int, int], address: int, version: str
) -> Registration | None:
    word = elf.word_size
    name = _text(memory, targets.get(address + 2 * word))
    real_name = _text(memory, targets.get(address + 3 * word))
    fields = memory.read(address + 4 * word, 4)
    if not _NAME.fullmatch(name) or len(fields) < 4:
        return None
    revision, flags, family = struct.unpack(f"{elf.prefix}BBH", fields)
    families = {0: "any", **_FAMILY_NUMBERS}
    if family not in families or flags > 7:
        return None
    return Registration(
        "", name.decode("ascii"), real_name.decode("ascii", "replace"), revision, families[family], version
    )


def _text(memory: Memory, address: int | None) -> bytes:
    if address is None:
        return b""
    text, end, _ = memory.read(address, 64).partition(b"\0")
    return text if end else b""


def _kinds(content: Content, elf: ElfFile) -> tuple[str, ...]:
    """What the plug-in registers, by the functions that it imports; empty where it imports none."""
    try:
        names = {reference.name for reference in SymbolTable(elf.memory(content), elf).references()}
    except Unreadable:
        return ()
    kinds = []
    if names & {b"xtables_register_match", b"xtables_register_matches"}:
        kinds.append("match")
    if names & {b"xtables_register_target", b"xtables_register_targets"}:
        kinds.append("target")
    return tuple(kinds)


def _conventional_kind(name: str) -> str:
    return "target" if name[:1].isupper() else "match"


def _registered(tree: FileTree, path: str, read: dict[str, tuple[Registration, ...]]) -> tuple[Registration, ...]:
    found = tree.find(path)
    node = found.node
    if node is None or node.kind is not FileKind.REGULAR or node.content is None:
        return ()
    if found.path not in read:
        elf = read_elf(node.content)
        read[found.path] = () if isinstance(elf, NotElf) else registrations(node.content, elf)
    return read[found.path]


def _sorted(found: set[Extension]) -> tuple[Extension, ...]:
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.kind, entry.family, entry.revision, entry.path)))
