"""What one object asks for and what it offers, by one loader's rules: read once for all images that have the file."""

from collections.abc import Mapping

from msgspec import Struct, field

from auditor.budget import Budget, Count
from auditor.elf.bind.definitions import Definitions
from auditor.elf.read.file import ElfFile
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.relocation_use import CALL, COPIED, EAGER, RelocationUse, relocation_use
from auditor.elf.read.symbols import Reference, SymbolTable, key
from auditor.filetree import Content, facts_of

_NOTHING: frozenset[bytes] = frozenset()


class References(Struct, frozen=True):
    """What an object asks for, as keys.

    `strong` may not be missing, `weak` may. `copies`, with the sizes that the program has room for, are data of
    COPY relocations, which look everywhere but in the program. `lazy`: what only PLT relocations name, which may be
    done at the first call; `later`: what is asked for only if they are. `relocations`: the rest of what they ask.
    `own`: those of `strong` that the object surely finds in itself. `fault`: tables that can't be read.
    """

    strong: frozenset[bytes] = _NOTHING
    weak: frozenset[bytes] = _NOTHING
    copies: Mapping[bytes, int] = field(default_factory=dict)
    lazy: frozenset[bytes] = _NOTHING
    later: frozenset[bytes] = _NOTHING
    own: frozenset[bytes] = _NOTHING
    relocations: RelocationUse = field(default_factory=RelocationUse)
    fault: str = ""


class _Known(Struct, frozen=True):
    """References that were read, of the file as it was mapped, and what that drew from the limits."""

    elf: ElfFile
    references: References
    relocations: int
    symbols: int


class _Offered(Struct, frozen=True):
    """What an object offers, of the file as it was mapped: why nothing can be looked up, and how many symbols count."""

    elf: ElfFile
    fault: str
    symbols: int


class ObjectReader:
    """Reads objects for one loader. `hash_bits`: of a number that it shifts by what DT_GNU_HASH says."""

    def __init__(self, budget: Budget, *, musl: bool, hash_bits: int) -> None:
        self._budget = budget
        self._musl = musl
        self._hash_bits = hash_bits
        loader = "musl" if musl else "glibc"
        self.by = loader if musl else f"{loader} {hash_bits}"
        self._asked, self._offered = f"asked of {loader}", f"offered to {self.by}"

    def references(self, content: Content, elf: ElfFile, path: str) -> References:
        """What the object asks for, as it was found for another image that has this file, else read. It doesn't depend
        on the image.
        """
        facts, budget = facts_of(content), self._budget
        known = facts.known.get(self._asked)
        if isinstance(known, _Known) and known.elf is elf:
            budget.relocations.take(known.relocations, path)
            budget.symbols.take(known.symbols, path)
            return known.references
        relocations, symbols = budget.relocations.used, budget.symbols.used
        found = self._read_references(content, elf, path)
        drawn = budget.relocations.used - relocations, budget.symbols.used - symbols
        facts.known[self._asked] = _Known(elf, found, *drawn)
        return found

    def definitions(self, content: Content, elf: ElfFile, path: str) -> Definitions:
        """What the object offers. Of a file that another image has too, it isn't read before it is asked for."""
        count, facts = self._budget.symbols.of(path), facts_of(content)
        known = facts.known.get(self._offered)

        def table(count: Count) -> SymbolTable:
            return SymbolTable(elf.memory(content), elf, self._hash_bits, count)

        if isinstance(known, _Offered) and known.elf is elf:
            count(known.symbols)
            return Definitions(table, musl=self._musl, count=count, known=known.fault)
        found = Definitions(table, musl=self._musl, count=count)
        symbols = len(found.hashes or ())
        facts.known[self._offered] = _Offered(elf, found.fault, symbols)
        count(symbols)
        return found

    def _read_references(self, content: Content, elf: ElfFile, path: str) -> References:
        strong: set[bytes] = set()
        weak: set[bytes] = set()
        copies: dict[bytes, int] = {}
        lazy: set[bytes] = set()
        offered: dict[bytes, Reference] = {}
        musl = self._musl
        memory = elf.memory(content)
        try:
            use = relocation_use(memory, elf, musl=musl, count=self._budget.relocations.of(path))
            count = self._budget.symbols.of(path)
            count(len(use.symbols))
            table = SymbolTable(memory, elf, self._hash_bits, count)
            later = [] if musl else [key(name, version) for name, version in table.local_slots(use)]
            for each in table.named_by(use):
                if each.beyond and not (musl or each.local):
                    raise Unreadable("a symbol has a version index beyond the versions that the object has")
                asked = each.use
                wanted = each.name if musl or not each.version else key(each.name, each.version)
                if asked & COPIED and not each.weak:
                    copies[wanted] = each.size
                if not asked & (EAGER | CALL):
                    continue
                # Also what the object itself defines is looked up. musl doesn't mind visibility.
                optional = each.weak and not each.defined_here if musl else each.weak or each.local
                (weak if optional else strong).add(wanted)
                if each.offered and not (musl or optional):
                    offered[wanted] = each
                if not asked & EAGER:
                    lazy.add(wanted)
        except Unreadable as unreadable:
            return References(fault=str(unreadable))
        use.symbols.clear()  # as many as there may be
        own = _found_in_itself(table, offered)
        return References(frozenset(strong), frozenset(weak), copies, frozenset(lazy), frozenset(later), own, use)


def _found_in_itself(table: SymbolTable, offered: Mapping[bytes, Reference]) -> frozenset[bytes]:
    """The keys of those symbols that a look-up of their own names comes to first."""
    try:
        hashes = table.hashes if offered else None
        if hashes is None or not hashes.even:
            return _NOTHING
        return frozenset(wanted for wanted, each in offered.items() if hashes.leads_to(each.number, each.name))
    except Unreadable:  # who looks them up one by one says why
        return _NOTHING
