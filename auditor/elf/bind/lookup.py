"""Which symbol references find no definition (`_dl_lookup_symbol_x` in glibc's dl-lookup.c; `find_sym` in musl's).

Whether a reference is satisfied depends on the objects in scope, not on their order, save for what
`aborting_references` tells. So objects that once satisfied all of an object's references do so in every other
program that has them in scope too: each library is bound once, not once per program.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.budget import Budget
from auditor.elf.bind.definitions import Definitions
from auditor.elf.model import Loader
from auditor.elf.read.hash_table import gnu_hash
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.relocation_use import RelocationUse, relocation_use
from auditor.elf.read.symbols import STT_OBJECT, SymbolTable, key, key_text
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped
from auditor.filetree import Content

_NOTHING: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class References:
    """What an object asks for, as keys.

    `strong` may not be missing, `weak` may. `copies`, with the sizes that the program has room for, are data of
    COPY relocations, which look everywhere but in the program. `lazy`: what only PLT relocations name, which may be
    done at the first call; `later`: what is asked for only if they are. `relocations`: the rest of what they ask.
    `fault`: tables that can't be read.
    """

    strong: frozenset[bytes] = _NOTHING
    weak: frozenset[bytes] = _NOTHING
    copies: Mapping[bytes, int] = field(default_factory=dict)
    lazy: frozenset[bytes] = _NOTHING
    later: frozenset[bytes] = _NOTHING
    relocations: RelocationUse = field(default_factory=RelocationUse)
    fault: str = ""


class Binder:
    """Symbol look-ups by one loader's rules, memoised over all programs."""

    def __init__(self, profile: LoaderProfile, budget: Budget) -> None:
        self._profile = profile
        self._budget = budget
        self._musl = profile.loader is Loader.MUSL
        self._definitions: dict[int, Definitions] = {}
        self._references: dict[int, References] = {}
        self._witnesses: dict[int, frozenset[int]] = {}

    def unresolved(self, mapped: Mapped, scope: Sequence[Mapped], identities: frozenset[int]) -> frozenset[bytes]:
        """The keys of an object that nothing in `scope` satisfies; `identities` are the scope's."""
        witness = self._witnesses.get(mapped.identity)
        if witness is not None and witness <= identities:
            return _NOTHING
        references = self.references(mapped)
        # Nearly all that an object defines itself it also finds in itself: the order doesn't matter here.
        left, used = self._without(references.strong, references.lazy, [mapped, *scope])
        if references.copies:
            others = [each for each in scope if each.found_by != "program"]
            missing, more = self._without(frozenset(references.copies), _NOTHING, others)
            left |= missing
            used |= more
        if not left:
            self._witnesses[mapped.identity] = used
        return left

    def unresolved_later(self, mapped: Mapped, scope: Sequence[Mapped]) -> frozenset[bytes]:
        """The keys of an object that nothing satisfies when a call of them is bound, and that nobody needs before."""
        later = self.references(mapped).later
        return self._without(later, later, scope)[0] if later else _NOTHING

    def references(self, mapped: Mapped) -> References:
        """What the object asks for."""
        found = self._references.get(mapped.identity)
        if found is None:
            found = self._references[mapped.identity] = self._read_references(mapped)
        return found

    def definitions(self, mapped: Mapped) -> Definitions:
        """What the object offers."""
        found = self._definitions.get(mapped.identity)
        if found is None:

            def count(number: int) -> None:
                self._budget.symbols.take(number, mapped.path)

            table = SymbolTable(mapped.elf.memory(content_of(mapped)), mapped.elf, self._profile.hash_bits, count)
            found = self._definitions[mapped.identity] = Definitions(table, musl=self._musl)
            count(len(found.hashes or ()))
        return found

    def aborting_references(self, mapped: Mapped, scope: Sequence[Mapped]) -> list[tuple[bytes, Mapped]]:
        """Versioned references that come first to a definition in the very library that should have the version,
        and that has no versions at all; with that library.
        """
        found = []
        for need in mapped.elf.needs:
            place = next((number for number, each in enumerate(scope) if need.file in each.names), None)
            if place is None or scope[place].elf.versioned:
                continue
            names = {version.name.encode("utf-8", "surrogateescape") for version in need.versions}
            references = self.references(mapped)
            wanted = {each for each in references.strong | references.weak if each.partition(b"\0")[2] in names}
            left, _ = self._without(frozenset(wanted), references.lazy, scope[:place])
            offered = self.definitions(scope[place])
            found += [
                (each, scope[place])
                for each in sorted(left)
                if offered.find(each, call=each in references.lazy) is not None
            ]
        return found

    def resized_copies(self, mapped: Mapped, scope: Sequence[Mapped]) -> Iterator[tuple[str, Mapped]]:
        """Data that a program copies from a library where it has another size than the program has room for."""
        for wanted, size in sorted(self.references(mapped).copies.items()):
            for provider in scope:
                row = None if provider is mapped else self.definitions(provider).find(wanted)
                if row is None:
                    continue
                if row.type == STT_OBJECT and row.size != size:
                    yield key_text(wanted)[0], provider
                break

    def _without(
        self, keys: frozenset[bytes], calls: frozenset[bytes], scope: Iterable[Mapped]
    ) -> tuple[frozenset[bytes], frozenset[int]]:
        """The keys that nothing in scope satisfies, and which objects satisfied others."""
        asked: dict[int, list[bytes]] = {}
        for wanted in keys:
            asked.setdefault(gnu_hash(wanted.partition(b"\0")[0]) >> 1, []).append(wanted)
        used = set()
        for provider in scope:
            if not asked:
                break
            offered = self.definitions(provider)
            there = offered.hashes
            for hashed in [*asked] if there is None else there.intersection(asked):
                keys_here = asked.pop(hashed)
                left = [each for each in keys_here if offered.find(each, call=each in calls) is None]
                if left:
                    asked[hashed] = left
                if len(left) < len(keys_here):
                    used.add(provider.identity)
        return frozenset(each for left in asked.values() for each in left), frozenset(used)

    def _read_references(self, mapped: Mapped) -> References:
        strong: set[bytes] = set()
        weak: set[bytes] = set()
        copies: dict[bytes, int] = {}
        lazy: set[bytes] = set()
        musl = self._musl
        memory = mapped.elf.memory(content_of(mapped))
        try:
            use = relocation_use(
                memory, mapped.elf, musl=musl, count=lambda number: self._budget.relocations.take(number, mapped.path)
            )
            self._budget.symbols.take(len(use.symbols), mapped.path)
            table = SymbolTable(memory, mapped.elf)
            later = [] if musl else [key(name, version) for name, version in table.local_slots(use)]
            for each in table.named_by(use):
                name, version, is_weak, defined_here, local, asked, size, beyond = each
                if beyond and not (musl or local):
                    raise Unreadable("a symbol has a version index beyond the versions that the object has")
                wanted = name if musl or not version else key(name, version)
                if asked.copied and not is_weak:
                    copies[wanted] = size
                if not (asked.eager or asked.call):
                    continue
                # Also what the object itself defines is looked up. musl doesn't mind visibility.
                optional = (is_weak and not defined_here) if musl else (is_weak or local)
                (weak if optional else strong).add(wanted)
                if not asked.eager:
                    lazy.add(wanted)
        except Unreadable as unreadable:
            return References(fault=str(unreadable))
        use.symbols.clear()  # as many as there may be
        return References(frozenset(strong), frozenset(weak), copies, frozenset(lazy), frozenset(later), use)


def content_of(mapped: Mapped) -> Content:
    """The bytes of a mapped object."""
    node = mapped.stored.node
    assert node is not None and node.content is not None  # an ElfFile was read from it
    return node.content
