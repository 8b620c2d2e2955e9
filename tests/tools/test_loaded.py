"""What is read of a program's segments, said of a few bytes: where they begin and end, and how much is read at most."""

import struct

import pytest
from msgspec.structs import replace

from auditor.elf.read.file import ElfFile, FileType
from auditor.elf.read.memory import PF_W, PF_X, Segment
from auditor.machine import Machine
from auditor.tools import loaded
from auditor.tools.loaded import Loaded, load
from fixtures.contents import Bytes
from tests.tools.elves import Elf, Known, Pointer, parsed

ELF = parsed(Elf().content())
START = 0x1000
PF_R = 4


def at(address: int, size: int, offset: int = 0, flags: int = 0) -> Segment:
    return Segment(offset, address, size, size, flags)


def of(*segments: Segment, **fields: object) -> ElfFile:
    return replace(ELF, segments=segments, **fields)


def loaded_from(data: bytes, **fields: object) -> Loaded:
    """A program whose one segment is all of these bytes, at `START`."""
    return load(Bytes(data), of(at(START, len(data)), **fields))


@pytest.mark.parametrize(
    ("address", "read"),
    [
        (START - 1, b""),
        (START, b"ab"),
        (START + 2, b"cd"),
        (START + 3, b"d"),
        (START + 4, b""),
        (START + 10, b"xy"),
        (START + 12, b""),
    ],
)
def test_bytes_are_read_where_their_segment_has_them(address: int, read: bytes) -> None:
    two = load(Bytes(b"abcdxy"), of(at(START, 4), at(START + 10, 2, 4)))
    assert two.read(address, 2) == read


@pytest.mark.parametrize(
    ("first", "second", "strings"),
    [
        (PF_R | PF_X, PF_R | PF_W, {b"one", b"two"}),  # a linker that puts constants beside code
        (PF_R | PF_X, PF_R, {b"two"}),
        (PF_R, PF_R | PF_X, {b"one"}),
        (PF_R | PF_W | PF_X, PF_R | PF_W, {b"one", b"two"}),
    ],
)
def test_texts_are_looked_for_amid_code_only_where_constants_have_no_place_of_their_own(
    first: int, second: int, strings: set[bytes]
) -> None:
    found = load(Bytes(b"one\0two\0"), of(at(START, 4, flags=first), at(START + 4, 4, 4, flags=second)))
    assert found.strings == strings
    assert found.has(b"one") and found.has(b"two")


@pytest.mark.parametrize(("limit", "text"), [(2, b""), (3, b"abc"), (4, b"abc")])
def test_a_text_ends_within_its_limit(limit: int, text: bytes) -> None:
    assert loaded_from(b"abc\0").text(START, limit) == text
    assert loaded_from(b"abc").text(START, limit) == b""


def test_a_text_is_found_with_its_address() -> None:
    data = b"\0one\0two"
    found = loaded_from(data)
    assert found.strings == {b"one"}  # two has no end
    assert found.writable_strings == frozenset()
    assert (found.has(b"two"), found.has(b"three")) == (True, False)
    variable = load(Bytes(data), of(at(START, len(data), flags=PF_W)))
    assert variable.strings == variable.writable_strings == {b"one"}


@pytest.mark.parametrize(
    ("segments", "size", "too_large"),
    [
        ([at(0, 6), at(START, 4, 6)], 10, False),
        ([at(0, 6), at(START, 5, 5)], 10, True),
        ([at(0, 6), at(START, 5, 6)], 10, False),  # only so much of it is there
        ([at(0, 6), at(START, 5, 10)], 10, False),  # nothing of it is
        ([at(0, 1)] * 3, 10, False),
        ([at(0, 1)] * 4, 10, True),
        ([*([at(0, 1)] * 3), at(0, 0)], 10, False),
    ],
)
def test_a_file_with_more_than_a_tool_has_is_not_read(
    segments: list[Segment], size: int, too_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most ten bytes, in three segments."""
    monkeypatch.setattr(loaded, "_LIMIT", 10)
    monkeypatch.setattr(loaded, "_SEGMENT_LIMIT", 3)
    told = load(Bytes(bytes(size)), of(*segments))
    assert told.too_large is too_large
    read = [each for each in segments if each.file_size and each.offset < size]
    assert len(told.parts) == (0 if too_large else len(read))


def test_what_is_behind_the_file_s_end_is_no_part() -> None:
    told = load(Bytes(b"abcd"), of(at(0, 2), at(START, 5, 3), at(2 * START, 5, 4)))
    assert [(part.address, part.data) for part in told.parts] == [(0, b"ab"), (START, b"d")]


@pytest.mark.parametrize(
    ("strings", "size", "kept"),
    [(b"a\0b\0", 4, True), (b"a\0b\0", 5, True), (b"a\0b\0", 6, False), (b"a\0b\0c\0", 6, False)],
)
def test_few_strings_of_a_small_file_are_kept_for_the_next_image(
    strings: bytes, size: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most two of five bytes."""
    monkeypatch.setattr(loaded, "_KEPT_STRINGS", 2)
    monkeypatch.setattr(loaded, "_KEPT_BYTES", 5)
    content = Known(strings.ljust(size, b"\0"))
    elf = of(at(START, size))
    assert load(content, elf).strings == set(strings.split(b"\0")) - {b""}
    assert bool(content.facts.known) is kept
    assert load(content, elf).strings == set(strings.split(b"\0")) - {b""}


def test_many_strings_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "_KEPT_STRINGS", 2)
    content = Known(b"a\0b\0c\0")
    assert load(content, of(at(START, 6))).strings == {b"a", b"b", b"c"}
    assert not content.facts.known


def test_strings_are_kept_for_a_file_whose_segments_are_the_same() -> None:
    """They are not gone through again, and are not told of one that maps other bytes."""
    content = Known(b"one\0two\0")
    whole, half = of(at(START, 8)), of(at(START, 4))
    first = load(content, whole).strings
    assert load(content, whole).strings is first == {b"one", b"two"}
    assert load(content, half).strings == {b"one"}
    assert load(content, whole).strings == {b"one", b"two"}


def test_the_digest_is_of_all_that_is_known_of_a_file() -> None:
    data = b"abcd"
    same = load(Bytes(data), of(at(START, 4))).digest
    assert load(Bytes(data + b"not loaded"), of(at(START, 4))).digest == same
    others = [
        of(at(START, 3)),
        of(at(START + 1, 4)),
        of(at(START, 4, flags=PF_W)),
        of(at(START, 4), type=FileType.EXEC),
        of(at(START, 4), machine=Machine.AARCH64),
        of(at(START, 4), needed=("libc.so.6",)),
    ]
    assert same not in [load(Bytes(data), each).digest for each in others]
    assert load(Bytes(b"abce"), of(at(START, 4))).digest != same


# Pointers


def words(*values: int | bytes) -> bytes:
    return b"".join(value if isinstance(value, bytes) else struct.pack("<Q", value) for value in values)


@pytest.mark.parametrize(
    ("data", "address", "found"),
    [
        (words(START, START + 15), START, {START: START, START + 8: START + 15}),
        (words(START - 1, START + 16), START, {}),  # before and behind all that there is
        (words(START, b"1234567"), START, {START: START}),
        (words(b"1234567"), START, {}),
        # Words are aligned, whatever their segment is.
        (words(b"1234", START + 4), START + 4, {START + 8: START + 4}),
        (words(b"1234", START + 4), START, {}),
        (b"123", START + 4, {}),
    ],
)
def test_at_a_fixed_address_pointers_are_words_that_lead_into_the_file(
    data: bytes, address: int, found: dict[int, int]
) -> None:
    program = load(Bytes(data), of(at(address, len(data), flags=PF_W), type=FileType.EXEC))
    assert dict(program.pointers()) == found
    constant = load(Bytes(data), of(at(address, len(data)), type=FileType.EXEC))
    assert not dict(constant.pointers())


def test_words_are_counted_over_all_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "_WORD_LIMIT", 3)
    data = words(START, START)
    places = [at(START, 16, flags=PF_W), at(2 * START + 4, 3, flags=PF_W), at(3 * START, 16, flags=PF_W)]
    program = load(Bytes(data), of(*places, type=FileType.EXEC))
    assert [address for address, _ in program.pointers()] == [START, START + 8, 3 * START]


def pointing(kind: int = FileType.DYN, *, relr: bool = False, machine: int = Machine.X86_64) -> tuple[Loaded, int, int]:
    """A program with a pointer to a text in its data, the text's address, and that of the pointer."""
    elf = Elf(kind=kind, machine=machine)
    target = elf.text(b"text")
    address = elf.data(Pointer(target))
    content = elf.content(relr=relr)
    return load(content, parsed(content)), target, address


@pytest.mark.parametrize(
    ("kind", "relr", "machine"),
    [
        (FileType.DYN, False, Machine.X86_64),
        (FileType.DYN, True, Machine.X86_64),
        (FileType.EXEC, False, Machine.X86_64),
        (FileType.DYN, False, Machine.MIPS),  # whose relocations are not known
    ],
)
def test_a_pointer_is_found_by_where_it_leads(kind: int, relr: bool, machine: int) -> None:
    if machine == Machine.MIPS:
        sound, target, address = pointing(kind, relr=True)
        program = load(sound.content, replace(sound.elf, machine=machine, tags=(), last_tags={}))
    else:
        program, target, address = pointing(kind, relr=relr)
    assert list(program.pointers_to([target])) == [(address, target)]
    assert not list(program.pointers_to([target + 1]))
    assert not list(program.pointers_to([]))


def test_what_has_relocations_has_its_pointers_there_alone() -> None:
    """A word that happens to be an address inside the file is a number."""
    elf = Elf()
    target = elf.text(b"text")
    elf.data(struct.pack("<Q", target))
    pointer = elf.data(Pointer(target))
    content = elf.content()
    assert list(load(content, parsed(content)).pointers_to([target])) == [(pointer, target)]


def test_so_many_pointers_are_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "_POINTER_LIMIT", 2)
    elf = Elf()
    elf.data(*(Pointer(elf.text(b"text")) for _ in range(3)))
    content = elf.content()
    assert len(list(load(content, parsed(content)).pointers())) == 2
