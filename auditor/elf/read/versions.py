"""Symbol versions that an object needs and defines (LSB, "Symbol Versioning")."""

import struct

from msgspec import Struct

from auditor.elf.read.memory import Strings, Unreadable, Window

WEAK = 0x2  # VER_FLG_WEAK
_BASE = 0x1  # VER_FLG_BASE
_COUNT_LIMIT = 0x8000  # a version index has 15 bits


class NeededVersion(Struct, frozen=True):
    """One version that must be defined by a library; `index` is what `.gnu.version` calls it.

    `hash` is stored beside the name, and compared before it.
    """

    name: str
    weak: bool
    index: int
    hash: int


class VersionNeed(Struct, frozen=True):
    """The versions that an object needs of the library it knows as `file`; `revision` is the record's own version."""

    file: str
    versions: tuple[NeededVersion, ...]
    revision: int = 1


class DefinedVersion(Struct, frozen=True):
    """A version that an object defines; the base one is the object's own name. `revision`: the record's version."""

    name: str
    base: bool
    index: int
    hash: int
    revision: int = 1


def read_needs(window: Window, strings: Strings, prefix: str) -> tuple[VersionNeed, ...]:
    """The chain of Verneed records from the window's start. Raises `Unreadable`."""
    need = struct.Struct(f"{prefix}HHIII")  # version, count, file, aux, next
    auxiliary = struct.Struct(f"{prefix}IHHII")  # hash, flags, other, name, next
    found = []
    total = 0
    position = 0
    while True:
        revision, _, file, first, following = window.unpack(need, position)
        versions = []
        inner = position + first
        while True:
            hashed, flags, index, name, next_inner = window.unpack(auxiliary, inner)
            versions.append(NeededVersion(strings.text_at(name), bool(flags & WEAK), index & 0x7FFF, hashed))
            total += 1
            if not next_inner or total > _COUNT_LIMIT:
                break
            inner += next_inner
        found.append(VersionNeed(strings.text_at(file), tuple(versions), revision))
        if total > _COUNT_LIMIT:
            raise Unreadable("more needed versions than a version index can tell apart")
        if not following:
            return tuple(found)
        position += following


def read_definitions(window: Window, strings: Strings, prefix: str) -> tuple[DefinedVersion, ...]:
    """The chain of Verdef records from the window's start. Raises `Unreadable`."""
    definition = struct.Struct(f"{prefix}HHHHIII")  # version, flags, index, count, hash, aux, next
    auxiliary = struct.Struct(f"{prefix}II")  # name, next
    found = []
    position = 0
    while True:
        revision, flags, index, _, hashed, first, following = window.unpack(definition, position)
        name = _name(window, auxiliary, position + first, strings)
        found.append(DefinedVersion(name, bool(flags & _BASE), index & 0x7FFF, hashed, revision))
        if len(found) > _COUNT_LIMIT:
            raise Unreadable("more defined versions than a version index can tell apart")
        if not following:
            return tuple(found)
        position += following


def _name(window: Window, auxiliary: struct.Struct, position: int, strings: Strings) -> str:
    """The first name of a definition; empty where it can't be read: a loader looks there only if the hash is right."""
    try:
        return strings.text_at(window.unpack(auxiliary, position)[0])
    except Unreadable:
        return ""
