"""Which symbol references find no definition (`_dl_lookup_symbol_x` in glibc's dl-lookup.c; `find_sym` in musl's).

Whether a reference is satisfied depends on the objects in scope, not on their order, save for what
`aborting_references` tells. So objects that once satisfied all of an object's references do so in every other
program that has them in scope too: each library is bound once, not once per program.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from msgspec import Struct

from auditor.budget import Budget
from auditor.elf.bind.definitions import Definitions
from auditor.elf.bind.objects import ObjectReader, References
from auditor.elf.model import Loader
from auditor.elf.read.hash_table import gnu_hash
from auditor.elf.read.symbols import STT_OBJECT, key_text
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped
from auditor.filetree import Content, facts_of

_NOTHING: frozenset[bytes] = frozenset()
_BOUND_KEPT = 8  # scopes that an object's references are known in


class _Answer(Struct, frozen=True):
    """The keys that nothing satisfies, and by their places in the scope the objects that satisfy others."""

    left: frozenset[bytes]
    used: tuple[int, ...]


class Scope(Struct, frozen=True):
    """Where symbols are looked up, in order. `alike` is what `objects` are in this image, `contents` what they are in
    any image that has these files; None where that can't be said.
    """

    objects: tuple[Mapped, ...]
    alike: frozenset[int | Mapped]
    contents: tuple[int, ...] | None


class Binder:
    """Symbol look-ups by one loader's rules, memoised over all programs."""

    def __init__(self, profile: LoaderProfile, budget: Budget) -> None:
        self._budget = budget
        self._objects = ObjectReader(budget, musl=profile.loader is Loader.MUSL, hash_bits=profile.hash_bits)
        self._definitions: dict[int | Mapped, Definitions] = {}
        self._references: dict[int | Mapped, References] = {}
        self._witnesses: dict[int | Mapped, frozenset[int | Mapped]] = {}
        self._bound = f"bound by {self._objects.by}"

    def scope(self, objects: Iterable[Mapped]) -> Scope:
        """These objects, in the order in which symbols are looked up. What each offers counts from now on."""
        found = tuple(objects)
        for mapped in found:
            self.definitions(mapped)
        # Of a program as the kernel maps it, and of what musl maps, there may be more than is kept of the file.
        known = all(mapped.elf is mapped.stored.elf for mapped in found)
        return Scope(
            found,
            frozenset(mapped.alike for mapped in found),
            tuple(map(_number, found)) if known else None,
        )

    def unresolved(self, mapped: Mapped, scope: Scope) -> frozenset[bytes]:
        """The keys of an object that nothing in `scope` satisfies."""
        witness = self._witnesses.get(mapped.alike)
        if witness is not None and witness <= scope.alike:
            return _NOTHING
        references = self.references(mapped)
        answer = self._known_answer(mapped, references, scope)
        if not answer.left:
            self._witnesses[mapped.alike] = frozenset(scope.objects[place].alike for place in answer.used)
        return answer.left

    def unresolved_later(self, mapped: Mapped, scope: Sequence[Mapped]) -> frozenset[bytes]:
        """The keys of an object that nothing satisfies when a call of them is bound, and that nobody needs before."""
        later = self.references(mapped).later
        return later - self._providers(later, later, scope, mapped.path).keys() if later else _NOTHING

    def references(self, mapped: Mapped) -> References:
        """What the object asks for."""
        found = self._references.get(mapped.alike)
        if found is None:
            found = self._objects.references(content_of(mapped), mapped.elf, mapped.path)
            self._references[mapped.alike] = found
        return found

    def definitions(self, mapped: Mapped) -> Definitions:
        """What the object offers."""
        found = self._definitions.get(mapped.alike)
        if found is None:
            found = self._objects.definitions(content_of(mapped), mapped.elf, mapped.path)
            self._definitions[mapped.alike] = found
        return found

    def aborting_references(
        self, mapped: Mapped, scope: Sequence[Mapped], places: Mapping[str, int]
    ) -> list[tuple[bytes, Mapped]]:
        """Versioned references that come first to a definition in the very library that should have the version,
        and that has no versions at all; with that library. `places` in the scope are by the names of what is there.
        """
        unversioned = [
            (need, place)
            for need in mapped.elf.needs
            if (place := places.get(need.file)) is not None and not scope[place].elf.versioned
        ]
        if not unversioned:
            return []
        references = self.references(mapped)
        by_version: dict[bytes, list[bytes]] = {}
        for each in references.strong | references.weak:
            by_version.setdefault(each.partition(b"\0")[2], []).append(each)
        asked = []
        for need, place in unversioned:
            names = {version.name.encode("utf-8", "surrogateescape") for version in need.versions}
            asked.append((sorted(each for name in names for each in by_version.get(name, ())), scope[place]))
        keys = frozenset(each for wanted, _ in asked for each in wanted)
        last = max(place for _, place in unversioned)
        first = self._providers(keys, references.lazy, islice(scope, last + 1), mapped.path)
        return [(each, library) for wanted, library in asked for each in wanted if first.get(each) is library]

    def resized_copies(self, mapped: Mapped, scope: Sequence[Mapped]) -> Iterator[tuple[str, Mapped]]:
        """Data that a program copies from a library where it has another size than the program has room for."""
        copies = self.references(mapped).copies
        if not copies:
            return
        others = (each for each in scope if each is not mapped)
        first = self._providers(frozenset(copies), _NOTHING, others, mapped.path)
        for wanted in sorted(first):
            row = self.definitions(first[wanted]).find(wanted)
            if row is not None and row.type == STT_OBJECT and row.size != copies[wanted]:
                yield key_text(wanted)[0], first[wanted]

    def provider(self, wanted: bytes, mapped: Mapped, scope: Iterable[Mapped], *, call: bool) -> Mapped | None:
        """The first object of the scope that satisfies one key of an object."""
        keys = frozenset((wanted,))
        return self._providers(keys, keys if call else _NOTHING, scope, mapped.path).get(wanted)

    def _known_answer(self, mapped: Mapped, references: References, scope: Scope) -> _Answer:
        """As it was found for another image that has all these files, else looked up. What drew from the limits, or
        came to bytes that aren't there, is looked up for each image.
        """
        if scope.contents is None:
            return self._answer(mapped, references, scope.objects)
        known = facts_of(content_of(mapped)).known.setdefault(self._bound, {})
        assert isinstance(known, dict)
        answer: _Answer | None = known.get(scope.contents)
        if answer is None:
            before = self._budget.symbols.used
            answer = self._answer(mapped, references, scope.objects)
            plain = all(self.definitions(each).plain for each in scope.objects)
            if plain and self._budget.symbols.used == before:
                if len(known) >= _BOUND_KEPT:
                    del known[next(iter(known))]
                known[scope.contents] = answer
        return answer

    def _answer(self, mapped: Mapped, references: References, scope: Sequence[Mapped]) -> _Answer:
        # The order doesn't matter here. Nearly all that an object defines itself it also finds in itself; and what
        # others find there rather than in copies that the program has is there in every program.
        others = [each for each in scope if each.found_by != "program"]
        order = tuple(dict.fromkeys((mapped, *others, *scope)))
        elsewhere = references.strong - references.own
        # Each of its own keys would have taken one of its two questions.
        free = 2 * len(elsewhere) + len(references.own)
        found = self._providers(elsewhere, references.lazy, order, mapped.path, free)
        left, used = elsewhere - found.keys(), {*found.values(), *((mapped,) if references.own else ())}
        if references.copies:
            found = self._providers(frozenset(references.copies), _NOTHING, others, mapped.path)
            left |= references.copies.keys() - found.keys()
            used |= {*found.values()}
        return _Answer(left, tuple(place for place, each in enumerate(scope) if each in used))

    def _providers(
        self,
        keys: frozenset[bytes],
        calls: frozenset[bytes],
        scope: Iterable[Mapped],
        where: str,
        free: int | None = None,
    ) -> dict[bytes, Mapped]:
        """The first object of the scope that satisfies each key, where one does. More questions than are `free` (two
        for each key) count as symbols, of the object at `where`.
        """
        asked: dict[int, list[bytes]] = {}
        for wanted in keys:
            asked.setdefault(_hash_of(wanted), []).append(wanted)
        found: dict[bytes, Mapped] = {}
        free = 2 * len(keys) if free is None else free
        for provider in scope:
            if not asked:
                break
            offered = self.definitions(provider)
            there = offered.hashes
            for hashed in [*asked] if there is None else there.intersection(asked):
                left = []
                alike = asked.pop(hashed)
                free -= len(alike)
                for each in alike:
                    if offered.find(each, call=each in calls) is None:
                        left.append(each)
                    else:
                        found[each] = provider
                if left:
                    asked[hashed] = left
            if free < 0:
                self._budget.symbols.take(-free, where)
                free = 0
        return found


def _number(mapped: Mapped) -> int:
    """What an object of a scope is in any image: the number of its file, below zero where it is the program."""
    number = facts_of(content_of(mapped)).number
    return -number if mapped.found_by == "program" else number


@lru_cache(maxsize=1 << 16)
def _hash_of(key: bytes) -> int:
    """The hash of a key's name as tables have it, without its lowest bit."""
    return gnu_hash(key.partition(b"\0")[0]) >> 1


def content_of(mapped: Mapped) -> Content:
    """The bytes of a mapped object."""
    node = mapped.stored.node
    assert node is not None and node.content is not None  # an ElfFile was read from it
    return node.content
