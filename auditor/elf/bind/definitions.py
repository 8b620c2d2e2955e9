"""What one object answers to look-ups, asked name by name as each loader asks (`do_lookup_x` and `check_match` in
glibc's dl-lookup.c; `find_sym2` in musl's dynlink.c).
"""

from collections.abc import Callable, Iterable
from functools import cached_property

from auditor.budget import Count, uncounted
from auditor.elf.read.hash_table import HashTable
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.symbols import (
    GLIBC_TYPES,
    HIDDEN,
    OLDEST,
    SHN_UNDEF,
    STT_GNU_IFUNC,
    STT_TLS,
    Row,
    SymbolTable,
)

_MUSL_TYPES = GLIBC_TYPES - {STT_GNU_IFUNC}


class Definitions:
    """The symbols that others may bind to, each looked up when it is first asked for.

    `fault` is why nothing at all can be looked up; `faults` are keys whose look-up comes to bytes that the object
    doesn't have.
    """

    def __init__(
        self,
        read: Callable[[Count], SymbolTable],
        *,
        musl: bool,
        count: Count = uncounted,
        known: str | None = None,
    ) -> None:
        """`read` gives the object's table, which draws from `count`; `known` is the fault where it was read before."""
        self.faults: dict[bytes, str] = {}
        self._read = read
        self._musl = musl
        self._count = count
        self._drawn = 0
        self._found: dict[tuple[bytes, bool], Row | None] = {}
        self.fault = self._look_for_fault() if known is None else known

    @property
    def plain(self) -> bool:
        """Whether no look-up so far drew from a limit, or came to bytes that aren't there: what it gives is all."""
        return not (self._drawn or self.fault or self.faults)

    def find(self, key: bytes, *, call: bool = False) -> Row | None:
        """The symbol that a reference binds to here. A `call` doesn't take a program's canonical PLT entry, which is
        undefined and has a value.
        """
        try:
            return self._found[key, call]
        except KeyError:
            found = self._found[key, call] = self._look_up(key, call)
            return found

    def has_exactly(self, name: bytes, version: bytes) -> bool:
        """Whether there is the symbol of this very version; one without a version is none (`_dl_lookup_direct` in
        glibc's dl-lookup-direct.c).
        """
        table = self._table
        try:
            return any(
                table.version_labels.get((table.version_index(number) or 0) & ~HIDDEN) == version
                for number in self._numbers(name)
                if (row := table.row(number)).defines(call=False) and table.strings.is_at(row.name, name)
            )
        except Unreadable:
            return False

    @property
    def hashes(self) -> frozenset[int] | None:
        """The hashes of all names that may be found, as the hash table gives them; None where that isn't known."""
        return frozenset() if self._hashes is None else self._hashes.hashes

    def offers_all(self, names: Iterable[bytes]) -> bool:
        """Whether each of these names is found, whatever its version."""
        return all(self.find(name) is not None for name in names)

    def _look_up(self, key: bytes, call: bool) -> Row | None:
        name, _, version = key.partition(b"\0")
        try:
            return self._musl_find(name, call) if self._musl else self._glibc_find(name, version, call)
        except Unreadable as unreadable:
            self.faults[key] = str(unreadable)
            return None

    def _glibc_find(self, name: bytes, version: bytes, call: bool) -> Row | None:
        table = self._table
        newer: list[Row] = []
        for number in self._numbers(name):
            row = table.row(number)
            if not row.defines(call=call) or not table.strings.is_at(row.name, name):
                continue
            index = table.version_index(number) if table.last_version else None
            if index is not None and version:
                label = table.version_labels.get(index & ~HIDDEN, b"")
                if label != version and (label or index & HIDDEN or index & ~HIDDEN > table.last_version):
                    continue
            elif index is not None and index & ~HIDDEN > OLDEST:
                newer += [] if index & HIDDEN else [row]
                continue
            return row if row.bound_outside else None
        # A newer version is taken where it is the only one that isn't hidden.
        return newer[0] if len(newer) == 1 and newer[0].bound_outside else None

    def _musl_find(self, name: bytes, call: bool) -> Row | None:
        table = self._table
        for number in self._numbers(name):
            if (table.version_index(number) or 0) & HIDDEN:
                continue
            row = table.row(number)
            if not table.strings.is_at(row.name, name):
                continue
            no_definition = row.section == SHN_UNDEF and (call or row.type == STT_TLS)
            no_value = row.value == 0 and row.type != STT_TLS
            return row if row.is_global and row.type in _MUSL_TYPES and not (no_definition or no_value) else None
        return None

    @cached_property
    def _table(self) -> SymbolTable:
        return self._read(self._draw)

    @cached_property
    def _hashes(self) -> HashTable | None:
        return None if self.fault else self._table.hashes

    def _draw(self, number: int) -> None:
        self._drawn += number
        self._count(number)

    def _look_for_fault(self) -> str:
        try:
            hashes = self._table.hashes
        except Unreadable as unreadable:
            return str(unreadable)
        if hashes is None or self._musl or hashes.even:
            return ""
        assertion = "(bitmask_nwords & (bitmask_nwords - 1)) == 0"
        return f"Inconsistency detected by ld.so: Assertion `{assertion}' failed!"

    def _numbers(self, name: bytes) -> Iterable[int]:
        return () if self._hashes is None else self._hashes.numbers(name)
