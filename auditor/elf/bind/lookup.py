"""Which symbol references find no definition (`_dl_lookup_symbol_x` in glibc's dl-lookup.c; `find_sym` in musl's).

Whether a reference is satisfied depends on the objects in scope, not on their order, save for what
`aborting_references` tells. So objects that once satisfied all of an object's references do so in every other
program that has them in scope too: each library is bound once, not once per program.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.elf.model import Loader
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.symbols import STT_GNU_IFUNC, STT_OBJECT, Definition, key, key_text, symbol_table
from auditor.elf.search.mapped import Mapped
from auditor.filetree import Content

_NOTHING: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Exports:
    """What an object offers, as keys. `exact`: names with each version they have, and bare names for references
    without version. `wild`: names that satisfy a reference of any version. `addresses`: what a program's canonical
    PLT entries give to references that aren't calls. `sizes`: of data, by bare name. `fault`: tables that can't be
    read.
    """

    exact: frozenset[bytes] = _NOTHING
    wild: frozenset[bytes] = _NOTHING
    addresses: frozenset[bytes] = _NOTHING
    sizes: Mapping[bytes, int] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class References:
    """What an object asks for, as keys.

    `strong` may not be missing, `weak` may. `copies`, with the sizes that the program has room for, are data of
    COPY relocations, which look everywhere but in the program. `lazy`: what only PLT relocations name, which may be
    done at the first call. `fault`: tables that can't be read.
    """

    strong: frozenset[bytes] = _NOTHING
    weak: frozenset[bytes] = _NOTHING
    copies: Mapping[bytes, int] = field(default_factory=dict)
    lazy: frozenset[bytes] = _NOTHING
    fault: str = ""


class Binder:
    """Symbol look-ups by one loader's rules, memoised over all programs."""

    def __init__(self, loader: Loader) -> None:
        self._musl = loader is Loader.MUSL
        self._exports: dict[int, Exports] = {}
        self._references: dict[int, References] = {}
        self._witnesses: dict[int, frozenset[int]] = {}

    def unresolved(self, mapped: Mapped, scope: Sequence[Mapped], identities: frozenset[int]) -> frozenset[bytes]:
        """The keys of an object that nothing in `scope` satisfies; `identities` are the scope's."""
        witness = self._witnesses.get(mapped.identity)
        if witness is not None and witness <= identities:
            return _NOTHING
        references = self.references(mapped)
        left, used = self._without(references.strong, scope)
        by_address = self._addresses(left - references.lazy, scope)
        left -= by_address
        if references.copies:
            missing, more = self._without(frozenset(references.copies), [each for each in scope if each is not mapped])
            left |= missing
            used |= more
        if not left and not by_address:
            self._witnesses[mapped.identity] = used
        return left

    def references(self, mapped: Mapped) -> References:
        """What the object asks for."""
        found = self._references.get(mapped.identity)
        if found is None:
            found = self._references[mapped.identity] = self._read_references(mapped)
        return found

    def exports(self, mapped: Mapped) -> Exports:
        """What the object offers; nothing where its tables can't be read (its references have the fault)."""
        found = self._exports.get(mapped.identity)
        if found is None:
            found = self._exports[mapped.identity] = self._read_exports(mapped)
        return found

    def aborting_references(self, mapped: Mapped, scope: Sequence[Mapped]) -> list[tuple[bytes, Mapped]]:
        """Versioned references that come first to a definition in the very library that should have the version,
        and that has no versions at all; with that library.
        """
        found = []
        for need in mapped.elf.needs:
            place = next((number for number, each in enumerate(scope) if need.file in each.names), None)
            if place is None or scope[place].elf.has_versym:
                continue
            names = {version.name.encode("utf-8", "surrogateescape") for version in need.versions}
            references = self.references(mapped)
            wanted = {each for each in references.strong | references.weak if each.partition(b"\0")[2] in names}
            left, _ = self._without(frozenset(wanted), scope[:place])
            offered = self.exports(scope[place]).wild
            found += [(each, scope[place]) for each in sorted(left) if each.partition(b"\0")[0] in offered]
        return found

    def resized_copies(self, mapped: Mapped, scope: Sequence[Mapped]) -> Iterator[tuple[str, Mapped]]:
        """Data that a program copies from a library where it has another size than the program has room for."""
        for wanted, size in sorted(self.references(mapped).copies.items()):
            name = wanted.partition(b"\0")[0]
            for provider in scope:
                exports = self.exports(provider)
                if provider is mapped or not (wanted in exports.exact or name in exports.wild):
                    continue
                if exports.sizes.get(name, size) != size:
                    yield key_text(wanted)[0], provider
                break

    def _without(self, keys: frozenset[bytes], scope: Iterable[Mapped]) -> tuple[frozenset[bytes], frozenset[int]]:
        """The keys that nothing in scope satisfies, and which objects satisfied others."""
        used = set()
        for provider in scope:
            if not keys:
                break
            exports = self.exports(provider)
            left = keys - exports.exact
            if exports.wild and left:
                left = frozenset(each for each in left if each.partition(b"\0")[0] not in exports.wild)
            if len(left) != len(keys):
                used.add(provider.identity)
                keys = left
        return keys, frozenset(used)

    def _addresses(self, keys: frozenset[bytes], scope: Iterable[Mapped]) -> frozenset[bytes]:
        if not keys:
            return keys
        offered: frozenset[bytes] = _NOTHING.union(*(self.exports(provider).addresses for provider in scope))
        return keys & offered

    def _read_references(self, mapped: Mapped) -> References:
        strong: set[bytes] = set()
        weak: set[bytes] = set()
        copies: dict[bytes, int] = {}
        lazy: set[bytes] = set()
        musl = self._musl
        table = symbol_table(_content(mapped), mapped.elf)
        try:
            for name, version, is_weak, defined_here, local, eager, by_call, copied, size in table.references():
                wanted = name if musl or not version else key(name, version)
                if copied and not is_weak:
                    copies[wanted] = size
                if not (eager or by_call):
                    continue
                # musl also looks up what the object itself defines, and doesn't mind visibility.
                optional = (is_weak and not defined_here) if musl else (is_weak or defined_here or local)
                (weak if optional else strong).add(wanted)
                if not eager:
                    lazy.add(wanted)
        except Unreadable as unreadable:
            return References(fault=str(unreadable))
        return References(frozenset(strong), frozenset(weak), copies, frozenset(lazy))

    def _read_exports(self, mapped: Mapped) -> Exports:
        try:
            definitions = symbol_table(_content(mapped), mapped.elf).definitions()
        except Unreadable as unreadable:
            return Exports(fault=str(unreadable))
        return _musl_exports(definitions) if self._musl else _glibc_exports(definitions)


def _content(mapped: Mapped) -> Content:
    node = mapped.stored.node
    assert node is not None and node.content is not None  # an ElfFile was read from it
    return node.content


def _glibc_exports(definitions: Iterable[Definition]) -> Exports:
    """`check_match`: a bare reference takes the oldest version, even a hidden one, else the only visible one."""
    exact, wild, addresses = set(), set(), set()
    newer: dict[bytes, int] = {}
    sizes: dict[bytes, int] = {}
    for name, version, index, hidden, kind, size, undefined in definitions:
        if undefined:
            addresses |= {name, key(name, version)}
            continue
        if kind == STT_OBJECT:
            sizes[name] = size
        if version:
            exact.add(key(name, version))
        elif not hidden:
            wild.add(name)
        if index <= 2:
            exact.add(name)
        elif not hidden:
            newer[name] = newer.get(name, 0) + 1
    exact.update(name for name, count in newer.items() if count == 1)
    return Exports(frozenset(exact), frozenset(wild), frozenset(addresses), sizes)


def _musl_exports(definitions: Iterable[Definition]) -> Exports:
    """`find_sym`: by name alone, but nothing of a hidden version and no IFUNC."""
    visible = [each for each in definitions if not each.hidden and each.type != STT_GNU_IFUNC]
    return Exports(
        exact=frozenset(each.name for each in visible if not each.undefined),
        addresses=frozenset(each.name for each in visible if each.undefined),
    )
