"""What a look-up finds, said of single symbols and of small hash tables; whole objects are looked through in
`test_symbols.py`, and real loaders judge in `test_glibc_rules.py` and `test_musl_rules.py`.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Literal
from unittest.mock import Mock

import pytest
from msgspec import Struct
from msgspec.structs import replace

from auditor.budget import Budget
from auditor.elf.bind.definitions import Definitions
from auditor.elf.bind.lookup import Binder
from auditor.elf.bind.objects import References
from auditor.elf.read import hash_table
from auditor.elf.read.file import Tag
from auditor.elf.read.hash_table import elf_hash, gnu_hash
from auditor.elf.read.memory import Memory, Segment, Unreadable
from auditor.elf.read.symbols import Row, _is_offered, key
from auditor.elf.search.environment import Surroundings
from auditor.elf.search.glibc import GlibcLoad, dependencies, preload_names
from auditor.elf.search.hwcaps import Cpu
from auditor.elf.search.mapped import Record
from auditor.machine import Machine
from fixtures.contents import Bytes
from tests.elf.made import ELF, GLIBC, mapped

LOCAL, GLOBAL, WEAK, UNIQUE = 0, 1, 2, 10
OBJECT, FUNC, SECTION, TLS, IFUNC = 1, 2, 3, 6, 10
ABS, HIDDEN = 0xFFF1, 0x8000


class Symbol(Struct, frozen=True):
    """A symbol `f`, found by its name."""

    index: int | None = 1
    type: int = FUNC
    bind: int = GLOBAL
    other: int = 0
    section: int = 1
    value: int = 8
    name: bytes = b"f"


class Table:
    """An object that has just these symbols under one hash; it gives meaning to versions up to `last`."""

    def __init__(
        self, symbols: Sequence[Symbol], labels: dict[int, bytes] | None = None, last: int = 0, *, even: bool = True
    ) -> None:
        self._symbols = symbols
        self.version_labels, self.last_version = labels or {}, last
        self.hashes, self.strings, self.even = self, self, even

    def numbers(self, _: bytes) -> Iterator[int]:
        return iter(range(len(self._symbols)))

    def row(self, number: int) -> Row:
        one = self._symbols[number]
        return Row(number, one.bind << 4 | one.type, one.other, one.section, one.value, 1)

    def version_index(self, number: int) -> int | None:
        return self._symbols[number].index

    def is_at(self, offset: int, name: bytes) -> bool:
        return self._symbols[offset].name == name


def definitions(table: Table, *, musl: bool = False) -> Definitions:
    return Definitions(lambda _: table, musl=musl)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("symbol", "found", "called", "by_musl"),
    [
        (Symbol(), True, True, True),
        (Symbol(bind=WEAK), True, True, True),
        (Symbol(bind=UNIQUE), True, True, True),
        (Symbol(bind=LOCAL), False, False, False),
        (Symbol(type=SECTION), False, False, False),
        (Symbol(type=IFUNC), True, True, False),
        (Symbol(name=b"g"), False, False, False),
        # musl doesn't mind visibility.
        (Symbol(other=1), False, False, True),
        (Symbol(other=2), False, False, True),
        (Symbol(other=3), True, True, True),
        # A value, or a reason to have none.
        (Symbol(value=0), False, False, False),
        (Symbol(value=0, section=ABS), True, True, False),
        (Symbol(value=0, type=TLS), True, True, True),
        # The place in a program that stands for another's function: an address, and nothing to call.
        (Symbol(section=0), True, False, True),
        (Symbol(section=0, type=TLS), False, False, False),
        (Symbol(index=HIDDEN | 1), True, True, False),
        (Symbol(index=None), True, True, True),
    ],
)
def test_which_symbol_others_may_bind_to(symbol: Symbol, found: bool, called: bool, by_musl: bool) -> None:
    told = definitions(Table([symbol]))
    assert [told.find(b"f", call=call) is not None for call in (False, True)] == [found, called]
    assert (definitions(Table([symbol]), musl=True).find(b"f") is not None) is by_musl
    assert told.offers_all([b"f"]) is found


@pytest.mark.parametrize(("symbol", "found"), [(Symbol(section=0), False), (Symbol(), True)])
def test_musl_s_calls_take_no_place_that_stands_for_another_s_function(symbol: Symbol, found: bool) -> None:
    assert (definitions(Table([symbol]), musl=True).find(b"f", call=True) is not None) is found


@pytest.mark.parametrize(
    ("symbols", "found"),
    [
        ([Symbol(bind=LOCAL), Symbol()], False),
        ([Symbol(name=b"g"), Symbol()], True),
        ([Symbol(HIDDEN), Symbol()], True),
    ],
)
def test_musl_takes_the_first_of_a_name(symbols: list[Symbol], found: bool) -> None:
    assert (definitions(Table(symbols), musl=True).find(b"f") is not None) is found


@pytest.mark.parametrize(
    ("version", "indexes", "found"),
    [
        (b"V2", [2], 0),
        (b"V2", [HIDDEN | 2], 0),
        (b"V2", [3], None),
        (b"V2", [3, HIDDEN | 2], 1),
        (b"V2", [None], 0),
        # A symbol without a version has any, unless it is hidden or its index means nothing.
        (b"V2", [1], 0),
        (b"V2", [HIDDEN | 1], None),
        (b"V2", [4], 0),
        (b"V2", [5], None),
        # Who asks for none takes the oldest, even hidden; else a newer one that is alone.
        (b"", [1], 0),
        (b"", [2], 0),
        (b"", [HIDDEN | 2], 0),
        (b"", [3], 0),
        (b"", [HIDDEN | 3], None),
        (b"", [3, 4], None),
        (b"", [3, HIDDEN | 4], 0),
        (b"", [3, 2], 1),
        (b"", [None], 0),
    ],
)
def test_which_version_of_a_symbol_glibc_takes(version: bytes, indexes: list[int | None], found: int | None) -> None:
    """Of an object whose versions are V2 and V3, and that has an index more, without a name."""
    table = Table([Symbol(index) for index in indexes], {2: b"V2", 3: b"V3"}, 4)
    row = definitions(table).find(b"f\0" + version if version else b"f")
    assert (row.name if row else None) == found


def test_a_newer_version_that_is_alone_and_hidden_from_others_is_none() -> None:
    assert definitions(Table([Symbol(3, other=2)], {3: b"V3"}, 3)).find(b"f") is None
    assert definitions(Table([Symbol(3, value=0), Symbol(3)], {3: b"V3"}, 3)).find(b"f") is not None


@pytest.mark.parametrize(
    ("symbol", "has"),
    [
        (Symbol(2), True),
        (Symbol(HIDDEN | 2), True),
        (Symbol(2, bind=LOCAL), True),
        (Symbol(3), False),
        (Symbol(1), False),
        (Symbol(None), False),
        (Symbol(2, value=0), False),
        (Symbol(2, section=0, type=TLS), False),
        (Symbol(2, type=SECTION), False),
        (Symbol(2, name=b"g"), False),
    ],
)
def test_a_symbol_of_one_very_version(symbol: Symbol, has: bool) -> None:
    table = Table([Symbol(2, name=b"h"), symbol], {2: b"V2", 3: b"V3"}, 3)
    assert definitions(table).has_exactly(b"f", b"V2") is has


@pytest.mark.parametrize(("even", "musl", "fault"), [(True, False, ""), (False, True, ""), (False, False, "Assertion")])
def test_glibc_s_filter_is_a_power_of_two_long(even: bool, musl: bool, fault: str) -> None:
    told = definitions(Table([Symbol()], even=even), musl=musl)
    assert (fault in told.fault) if fault else not told.fault
    assert (told.find(b"f") is None) is bool(fault)
    assert told.plain is not bool(fault)


def test_an_object_without_a_hash_table_offers_nothing() -> None:
    table = Mock(hashes=None)
    told = definitions(table)
    assert (told.fault, told.hashes, told.find(b"f"), told.plain) == ("", frozenset(), None, True)
    assert not told.offers_all([b"f"])
    assert told.offers_all([])


def test_a_look_up_that_comes_to_bytes_that_are_not_there_finds_nothing() -> None:
    numbers = Mock(side_effect=Unreadable("outside"))
    told = definitions(Mock(hashes=Mock(numbers=numbers, even=True)))
    assert told.plain
    assert told.find(b"f") is None
    assert not told.has_exactly(b"f", b"V2")
    assert (told.faults, told.plain) == ({b"f": "outside"}, False)


# Hash tables


@pytest.mark.parametrize(("length", "counted"), [(0, 0), (31, 0), (32, 1), (1 << 16, 1)])
def test_a_long_chain_counts(length: int, counted: int) -> None:
    count: list[int] = []
    hash_table._step(length, count.append)
    assert sum(count) == counted


def test_a_chain_has_an_end() -> None:
    with pytest.raises(Unreadable, match="a hash chain without end"):
        hash_table._step((1 << 16) + 1, lambda _: None)


AT = 0x100


def gnu_table(
    buckets: list[list[bytes]], *, first: int = 1, bits: int = 64, words: int = 1, shift: int = 6, end: int = 1
) -> bytes:
    """DT_GNU_HASH of these names by bucket; `end` is the mark of the last of each."""
    bloom = [0] * words
    starts: list[int] = []
    chains: list[int] = []
    for names in buckets:
        starts.append(first + len(chains) if names else 0)
        for name in names:
            hashed = gnu_hash(name)
            word = hashed // bits % words
            bloom[word] |= 1 << hashed % bits | 1 << (hashed >> shift) % bits
            chains.append(hashed & ~1 | (end if name is names[-1] else 0))
    sizes = f"<4I{words}{'Q' if bits == 64 else 'I'}{len(starts)}I{len(chains)}I"
    return struct.pack(sizes, len(starts), first, words, shift, *bloom, *starts, *chains)


def table_of(data: bytes, tag: Tag, *, machine: int = Machine.X86_64, bits: Literal[32, 64] = 64) -> Any:
    elf = replace(ELF, machine=machine, bits=bits, last_tags={tag: AT})
    memory = Memory(Bytes(bytes(AT) + data), [Segment(0, 0, AT + len(data), AT + len(data), 4)])
    return hash_table.hash_table(memory, elf, 64, lambda _: None)


def in_buckets(names: list[bytes], count: int) -> list[list[bytes]]:
    return [[name for name in names if gnu_hash(name) % count == number] for number in range(count)]


NAMES = [b"printf", b"malloc", b"free", b"open", b"close", b"read", b"write"]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("count", "first", "words"), [(1, 1, 1), (3, 1, 1), (4, 5, 2), (5, 9, 4)])
def test_each_name_leads_to_its_symbol(bits: Literal[32, 64], count: int, first: int, words: int) -> None:
    buckets = in_buckets(NAMES, count)
    table = table_of(gnu_table(buckets, first=first, bits=bits, words=words), Tag.GNU_HASH, bits=bits)
    order = [name for bucket in buckets for name in bucket]
    for name in NAMES:
        assert [*table.numbers(name)] == [first + order.index(name)]
        for number in range(first + len(order) + 2):
            assert table.leads_to(number, name) is (number == first + order.index(name))
    assert [*table.numbers(b"absent")] == []
    assert not any(table.leads_to(number, b"absent") for number in range(first + len(order)))
    assert table.hashes == {gnu_hash(name) >> 1 for name in NAMES}
    assert table.even


def test_names_that_a_table_does_not_lead_to() -> None:
    assert [*table_of(gnu_table([]), Tag.GNU_HASH).numbers(b"open")] == []
    empty = gnu_table([[b"open"]])[:16] + bytes(8) + gnu_table([[b"open"]])[24:]
    assert [*table_of(empty, Tag.GNU_HASH).numbers(b"open")] == []  # the filter says no
    assert table_of(b"", Tag.SYMTAB) is None
    assert not table_of(gnu_table([]), Tag.GNU_HASH).leads_to(1, b"open")
    assert not table_of(empty, Tag.GNU_HASH).leads_to(1, b"open")


def test_of_two_symbols_of_one_name_the_first_is_come_to() -> None:
    table = table_of(gnu_table([[b"open", b"read", bytes(bytearray(b"open"))]]), Tag.GNU_HASH)
    assert [number for number in range(5) if table.leads_to(number, b"open")] == [1]
    assert [number for number in range(5) if table.leads_to(number, b"read")] == [2]
    before = table_of(struct.pack("<4IQ3I", 1, 5, 1, 6, (1 << 64) - 1, 4, 0, gnu_hash(b"open") | 1), Tag.GNU_HASH)
    assert not any(before.leads_to(number, b"open") for number in range(8))  # its bucket leads before the first
    nothing = table_of(struct.pack("<4IQ4I", 1, 0, 1, 6, (1 << 64) - 1, 0, 2, 2, gnu_hash(b"open") | 1), Tag.GNU_HASH)
    assert [*nothing.numbers(b"open")] == []  # its bucket is empty, whatever lies in the place of the symbol 0
    assert not any(nothing.leads_to(number, b"open") for number in range(8))
    assert table_of(gnu_table([[b"open"]], shift=31), Tag.GNU_HASH).leads_to(1, b"open")
    # What is shifted by so much is not the same to all loaders.
    assert not table_of(gnu_table([[b"open"]], shift=32), Tag.GNU_HASH).leads_to(1, b"open")


def test_what_an_object_offers_itself_it_finds() -> None:
    """Said of each kind of symbol: where a glance says so, so does the look-up."""
    kinds = product(
        (0, 1, 2, 3, 4, 5, TLS, IFUNC), (LOCAL, GLOBAL, WEAK, UNIQUE), (0, 1, 2, 3), (1, ABS), (0, 8), range(5)
    )
    offered = 0
    for kind, bind, other, section, value, index in kinds:
        for hidden in (0, HIDDEN):
            symbol = Symbol(index | hidden, kind, bind, other, section, value)
            labels = {2: b"V2", 3: b"V3"}
            if not _is_offered(Row(0, bind << 4 | kind, other, section, value, 0), index, labels):
                continue
            offered += 1
            asked = key(b"f", labels.get(index, b""))
            for call in (False, True):
                assert definitions(Table([symbol], labels, 3)).find(asked, call=call) is not None, symbol
    # Of six types three ways to have a value, and storage of threads needs none.
    assert offered == 3 * 2 * 8 * (6 * 3 + 1)


@pytest.mark.parametrize(("words", "even"), [(0, True), (1, True), (2, True), (3, False), (4, True), (6, False)])
def test_how_long_a_filter_is(words: int, even: bool) -> None:
    data = struct.pack("<4I", 1, 1, words, 6) + bytes(100)
    assert table_of(data, Tag.GNU_HASH).even is even


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (gnu_table([[b"open"], [b"read"]]), True),
        (gnu_table([[], []]), False),  # nothing is hashed
        (gnu_table([[b"open"], [b"read"]])[:28], False),  # a bucket is cut off
        (gnu_table([[b"open"]], end=0), False),  # a chain has no end
        (gnu_table([[b"open"]])[:24] + struct.pack("<2I", 0, 1), True),
        (struct.pack("<4IQ2I", 1, 5, 1, 6, 0, 4, 1), False),  # a bucket leads before the first
    ],
)
def test_a_table_whose_hashes_are_not_known(data: bytes, known: bool) -> None:
    """They may lie anywhere behind it: the look-up itself will tell."""
    elf = replace(ELF, last_tags={Tag.GNU_HASH: 0x1000 - len(data)})
    content = Bytes(bytes(0x1000 - len(data)) + data)
    memory = Memory(content, [Segment(0, 0, 0x1000, 0x1000, 4)])
    table = hash_table.hash_table(memory, elf, 64, lambda _: None)
    assert table is not None
    assert (table.hashes is not None) is known


@pytest.mark.parametrize(
    ("machine", "bits", "word"),
    [(Machine.X86_64, 64, "I"), (Machine.I386, 32, "I"), (Machine.S390, 64, "Q"), (Machine.S390, 32, "I")],
)
def test_a_table_of_the_old_kind(machine: Machine, bits: Literal[32, 64], word: str) -> None:
    """The words of a 64-bit S/390 are as long as its addresses."""
    names = [b"", *NAMES]
    starts, following = [0] * 3, [0] * len(names)
    for number, name in enumerate(names[1:], 1):
        at = elf_hash(name) % 3
        starts[at], following[number] = number, starts[at]
    data = struct.pack(f"<{2 + 3 + len(names)}{word}", 3, len(names), *starts, *following)
    table = table_of(data, Tag.HASH, machine=machine, bits=bits)
    for number, name in enumerate(names[1:], 1):
        assert number in [*table.numbers(name)]
        assert {elf_hash(names[each]) % 3 for each in table.numbers(name)} == {elf_hash(name) % 3}
        assert table.leads_to(number, name) is (next(iter(table.numbers(name))) == number)
    assert (table.hashes, table.even) == (None, True)
    assert [*table_of(struct.pack(f"<2{word}", 0, 0), Tag.HASH, machine=machine, bits=bits).numbers(b"open")] == []


# Who is asked


class Offer(Struct):
    """What an object offers: keys, and those that a call doesn't take."""

    keys: frozenset[bytes]
    not_called: frozenset[bytes] = frozenset()
    hashes: None = None

    def find(self, key: bytes, *, call: bool = False) -> object:
        return self if key in self.keys and not (call and key in self.not_called) else None


def test_only_calls_pass_over_the_place_that_stands_for_another_s_function() -> None:
    program, library = mapped("/bin/x", found_by="program"), mapped("/lib/x.so")
    binder = Binder(GLIBC, Budget())
    binder._definitions = {
        program.identity: Offer(frozenset((b"f", b"g")), frozenset((b"f", b"g"))),  # type: ignore[dict-item]
        library.identity: Offer(frozenset((b"f", b"g"))),  # type: ignore[dict-item]
    }
    keys, calls = frozenset((b"f", b"g")), frozenset((b"f",))
    assert binder._providers(keys, calls, (program, library), "") == {b"f": library, b"g": program}
    assert binder._providers(keys, calls, (library, program), "") == {b"f": library, b"g": library}
    assert binder._providers(keys, calls, (program,), "") == {b"g": program}
    binder._references = {library.identity: References(later=frozenset((b"f", b"h")))}
    assert binder.unresolved_later(library, (program, library)) == {b"h"}
    assert binder.unresolved_later(library, (program,)) == {b"f", b"h"}


@pytest.mark.parametrize(
    ("strong", "copies", "left", "used"),
    [
        (b"", b"", b"", ()),
        (b"a", b"", b"", (1,)),
        (b"ab", b"", b"", (1, 2)),
        (b"x", b"", b"", (0,)),
        (b"o", b"", b"", (1,)),  # what it has itself it takes from itself
        (b"az", b"", b"z", (1,)),
        # Copies are looked for everywhere but in the program.
        (b"", b"b", b"", (2,)),
        (b"a", b"b", b"", (1, 2)),
        (b"", b"x", b"x", ()),
        (b"x", b"x", b"x", (0,)),
        (b"z", b"y", b"zy", ()),
    ],
)
def test_what_nobody_offers_is_left_and_who_offers_the_rest_is_used(
    strong: bytes, copies: bytes, left: bytes, used: tuple[int, ...]
) -> None:
    """Of a program that has x and o, the object itself, which has a and o, and a library with a and b."""
    keys = [frozenset(bytes([each]) for each in text) for text in (strong, copies, left)]
    scope = mapped("/bin/x", found_by="program"), mapped("/lib/own.so"), mapped("/lib/b.so")
    binder = Binder(GLIBC, Budget())
    binder._definitions = {
        each.identity: Offer(frozenset(bytes([one]) for one in offers))  # type: ignore[misc]
        for each, offers in zip(scope, (b"xo", b"ao", b"ab"), strict=True)
    }
    asked = References(strong=keys[0], copies=dict.fromkeys(keys[1], 4))
    told = binder._answer(scope[1], asked, scope)
    assert (told.left, told.used) == (keys[2], used)


class Datum(Struct):
    """What an object offers: one key."""

    key: bytes
    size: int
    type: int = OBJECT
    hashes: None = None

    def find(self, key: bytes, *, call: bool = False) -> object:  # noqa: ARG002 - data is not called
        return self if key == self.key else None


@pytest.mark.parametrize(
    ("offers", "resized"),
    [
        ((Datum(b"d", 4), Datum(b"d", 8)), []),
        ((Datum(b"d", 8), Datum(b"d", 4)), ["d of /lib/0.so"]),
        ((Datum(b"d", 2), Datum(b"e", 4)), ["d of /lib/0.so", "e of /lib/1.so"]),
        ((Datum(b"x", 8), Datum(b"d", 8)), ["d of /lib/1.so"]),
        ((Datum(b"d", 8, FUNC), Datum(b"d", 8)), []),
        ((Datum(b"x", 8), Datum(b"y", 8)), []),
    ],
)
def test_data_of_another_size_than_a_program_has_room_for(offers: tuple[Datum, ...], resized: list[str]) -> None:
    """It copies d, of four bytes, and e, of eight; the first library that has one counts, and it does not itself."""
    program = mapped("/bin/x", found_by="program")
    libraries = tuple(mapped(f"/lib/{number}.so") for number in range(len(offers)))
    binder = Binder(GLIBC, Budget())
    binder._definitions = {program.alike: Datum(b"d", 1)} | {  # type: ignore[assignment]
        each.alike: offer for each, offer in zip(libraries, offers, strict=True)
    }
    binder._references = {program.alike: References(copies={b"e": 8, b"d": 4})}
    told = binder.resized_copies(program, (program, *libraries))
    assert [f"{name} of {library.path}" for name, library in told] == resized


# What glibc makes of an object's words


@pytest.mark.parametrize(
    ("rpath", "runpath", "levels", "told"),
    [
        (None, None, set(), ((), ())),
        ("/a", None, set(), (("/a",), ())),
        (None, "/a", set(), ((), ("/a",))),
        ("/a", "/b", set(), ((), ("/b",))),  # RUNPATH puts RPATH out of force
        ("/a/$PLATFORM", None, {"haswell"}, (("/a/x86_64",), ())),
        (None, "/a/${PLATFORM}", {"haswell"}, ((), ("/a/x86_64",))),
        ("/a/$PLATFORM", "/b", {"haswell"}, ((), ("/b",))),
    ],
)
def test_the_directories_of_an_object(
    rpath: str | None, runpath: str | None, levels: set[str], told: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """What depends on the processor is looked at for each that makes a difference."""
    own = mapped("/lib/x.so", replace(ELF, rpath=rpath, runpath=runpath))
    record = Record(mapped("/bin/x"), Mock())
    profile = replace(GLIBC, legacy_names=("haswell",))
    cpu = Cpu("", (), (), 0, "x86_64")
    GlibcLoad(record, profile, cpu, Mock(), Surroundings(), "", secure=False)._set_paths(own)
    assert record.levels == levels
    assert (own.rpath.directories, own.runpath.directories) == told


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("a.so", ["a.so"]),
        ("a.so b.so\tc.so\nd.so:e.so\n", ["a.so", "b.so", "c.so", "d.so", "e.so"]),
        ("# a.so", []),
        ("a.so # b.so\nc.so", ["a.so", "c.so"]),
        ("#a\nb.so\n", ["b.so"]),
        ("a.so#b\n", ["a.so"]),
        # A later comment is looked for in as much as was left, from the beginning: what lies behind is taken for names.
        ("#a\nlonger.so #b\n", ["longer.so", "b"]),
        ("#" + 20 * "a" + "\nb.so #c\n", ["b.so", "#c"]),
        ("#a\n#b\nlonger.so\n", ["longer.so"]),
    ],
)
def test_names_in_the_file_of_preloads(text: str, names: list[str]) -> None:
    assert preload_names(text) == names


def test_needs_come_in_the_order_of_the_dynamic_section() -> None:
    tags = ((Tag.AUXILIARY, 1), (Tag.NEEDED, 2), (Tag.SONAME, 3), (Tag.FILTER, 4), (Tag.NEEDED, 5), (Tag.NEEDED, 6))
    elf = replace(ELF, tags=tags, needed=("n1", "n2"), filters=("f",), auxiliaries=("a",))
    assert [*dependencies(elf)] == [
        *((Tag.AUXILIARY, "a"), (Tag.NEEDED, "n1"), (Tag.FILTER, "f"), (Tag.NEEDED, "n2")),
    ]
