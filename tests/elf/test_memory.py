"""Reading an object's memory: to the last byte of a segment's last page, and not one further."""

import struct
from contextlib import nullcontext
from typing import Literal

import pytest

from auditor.elf.read import memory as room
from auditor.elf.read.memory import Memory, Segment, Strings, Unreadable, Window, WordReader, WordTable, file_bytes
from fixtures.contents import Bytes
from tests.tools.elves import Elf, parsed

WORD, PAGE = struct.Struct("<Q"), 4096


def test_a_record_may_end_where_the_last_page_does() -> None:
    content = Elf().content(needed=("a.so",))
    elf = parsed(content)
    last = elf.segments[-1]
    window = Window(elf.memory(content), last.address)
    assert WORD.unpack(content.data[-WORD.size :]) == window.unpack(WORD, last.file_size - WORD.size)
    mapped = -(-last.file_size // PAGE) * PAGE
    assert Window(elf.memory(content), last.address).unpack(WORD, mapped - WORD.size) == (0,)
    with pytest.raises(Unreadable, match="lies outside the loaded segments"):
        window.unpack(WORD, mapped - WORD.size + 1)


ONE = Segment(0x1000, 0x5000, 0x810, 0x2000, 6)  # bytes of the file, then zeros
OTHER = Segment(0x2000, 0x6800, 0x100, 0x100, 6)  # on the second of its pages


@pytest.mark.parametrize(
    ("segments", "address", "offset"),
    [
        ([ONE], 0x4FFF, None),
        ([ONE], 0x5000, 0x1000),
        ([ONE], 0x580F, 0x180F),
        ([ONE], 0x5810, None),  # zeros
        ([ONE], 0x7000, None),
        ([ONE, OTHER], 0x5FFF, None),
        ([ONE, OTHER], 0x6000, 0x2000),  # by whole pages, and the later one lies there
        ([OTHER, ONE], 0x6000, None),
    ],
)
def test_where_in_the_file_an_address_is(segments: list[Segment], address: int, offset: int | None) -> None:
    memory = Memory(Bytes(bytes(0x4000)), segments)
    assert memory.offset_of(address) == offset
    assert len(memory.read(address, 1)) == (0x5000 <= address < 0x7000)


def memory_of(data: bytes, address: int = 0x1000, *, more: int = 0) -> Memory:
    """These bytes at an address, and so many zeros behind them."""
    return Memory(Bytes(data), [Segment(0, address, len(data), len(data) + more, 4)])


@pytest.mark.parametrize(
    ("offset", "length", "data"),
    [(0, 3, b"abc"), (1, 9, b"bc"), (3, 1, b""), (4, 1, b""), (0, 0, b""), (2, -1, b""), (9, 1 << 60, b"")],
)
def test_what_a_hostile_header_asks_of_a_file(offset: int, length: int, data: bytes) -> None:
    assert file_bytes(Bytes(b"abc"), offset, length) == data


def test_segments_are_read_through_where_they_touch() -> None:
    pages = [bytes([letter]) * PAGE for letter in b"abc"]
    content = Bytes(b"".join(pages))
    touching = Memory(content, [Segment(0, 0, PAGE, PAGE, 4), Segment(2 * PAGE, PAGE, PAGE, PAGE, 4)])
    assert touching.read(PAGE - 2, 4) == b"aacc"
    assert touching.read(2 * PAGE - 1, 9) == b"c"
    assert touching.read(0, 2 * PAGE) == pages[0] + pages[2]
    apart = Memory(content, [Segment(0, 0, PAGE, PAGE, 4), Segment(PAGE, 2 * PAGE, PAGE, PAGE, 4)])
    assert apart.read(PAGE - 2, 4) == b"aa"
    with pytest.raises(Unreadable, match="4 bytes at 0xffe lie outside"):
        apart.read_exactly(PAGE - 2, 4)
    assert apart.read_exactly(PAGE - 2, 2) == b"aa"


def test_what_is_missing_of_the_file_ends_what_is_read() -> None:
    cut = Memory(Bytes(b"a" * PAGE), [Segment(0, 0, 2 * PAGE, 2 * PAGE, 4), Segment(0, 2 * PAGE, PAGE, PAGE, 4)])
    assert cut.read(0, 3 * PAGE) == b"a" * PAGE
    assert cut.read(2 * PAGE, 3) == b"aaa"


def test_what_follows_in_the_file_lies_behind_a_segment() -> None:
    content = Bytes(b"abcd")
    assert Memory(content, [Segment(0, 0x1000, 2, 2, 4)]).read(0x1000, 4) == b"abcd"
    assert Memory(content, [Segment(0, 0x1000, 2, 3, 4)]).read(0x1000, 4) == b"ab\0\0"


def test_zeros_behind_the_file_s_bytes() -> None:
    memory = memory_of(b"x" * 10, 0x1000, more=PAGE)
    assert memory.read(0x1008, 4) == b"xx\0\0"
    assert memory.read(0x1FFE, 4) == bytes(4)
    assert (memory.offset_of(0x1009), memory.offset_of(0x2000)) == (9, None)


@pytest.mark.parametrize(("length", "found"), [(1 << 16, False), ((1 << 16) - 1, True), (5000, True)])
def test_how_long_a_string_may_be(length: int, found: bool) -> None:
    with nullcontext() if found else pytest.raises(Unreadable, match="has no end"):
        assert len(memory_of(b"x" * length + b"\0").string(0x1000)) == length


TEXTS = b"\0abc\0de\0"


@pytest.mark.parametrize(
    ("offset", "text"),
    [(0, b""), (1, b"abc"), (2, b"bc"), (5, b"de"), (7, b""), (8, b"behind"), (20, b"")],
)
def test_strings_of_a_table_and_behind_it(offset: int, text: bytes) -> None:
    memory = memory_of(TEXTS + b"behind\0")
    strings = Strings(memory, 0x1000, len(TEXTS))
    assert strings.at(offset) == text
    assert strings.is_at(offset, text)
    assert not strings.is_at(offset, text + b"x")
    assert not strings.is_at(offset, b"x" + text)
    assert strings.many([offset, 1, offset]) == [text, b"abc", text]
    assert strings.text_at(offset) == text.decode()


def test_a_string_without_an_end() -> None:
    strings = Strings(memory_of(TEXTS + bytes(PAGE - 11) + b"end"), 0x1000, len(TEXTS))
    at = PAGE - 3
    assert not strings.is_at(at, b"enx")
    with pytest.raises(Unreadable, match="has no end"):
        strings.is_at(at, b"end")
    with pytest.raises(Unreadable, match="has no end"):
        strings.at(at)


@pytest.mark.parametrize(("limit", "read"), [(5, True), (4, False)])
def test_how_much_text_may_be_taken(limit: int, read: bool) -> None:
    one, several = (Strings(memory_of(TEXTS), 0x1000, len(TEXTS), limit) for _ in range(2))
    with nullcontext() if read else pytest.raises(Unreadable, match="longer names than any real object"):
        assert several.many([1, 5]) == [b"abc", b"de"]
    with nullcontext() if read else pytest.raises(Unreadable, match="longer names than any real object"):
        assert [one.at(1), one.at(5)] == [b"abc", b"de"]


@pytest.mark.parametrize(("prefix", "values"), [("<", (0x0201, 0x04030201, 0x0807060504030201)),
                                                (">", (0x0102, 0x01020304, 0x0102030405060708))])  # fmt: skip
def test_numbers_in_both_orders(prefix: str, values: tuple[int, int, int]) -> None:
    words = WordReader(memory_of(bytes(range(1, 9)) * 2, 0x1000), prefix)
    assert (words.half(0x1000), words.number(0x1000, 32), words.number(0x1000, 64)) == values
    assert (words.word(0x1000), words.number(0x1008, 64)) == (values[1], values[2])
    assert [*words.numbers(0x1000, 2, 64)] == [values[2]] * 2
    assert words.numbers(0x1000, 2, 16)[0] == values[0]
    assert len(words.numbers(0x1000, 1 << 20, 32)) == PAGE // 4  # as many as there are


def test_numbers_at_the_ends_of_what_is_mapped() -> None:
    words = WordReader(memory_of(b"\1\0\0\0" * 1024, 0x5000), "<")
    assert (words.word(0x5000), words.word(0x5FFC)) == (1, 1)
    for address in (0x4FFC, 0x5FFD, 0x6000):
        with pytest.raises(Unreadable, match="lie outside the loaded segments"):
            words.word(address)


def test_the_pages_that_are_kept_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_KEPT_PAGES", 1)
    words = WordReader(memory_of(bytes(range(256)) * 256, 0), "<")
    assert [words.half(address) for address in (0, 0x4000, 0x8000, 2)] == [0x100, 0x100, 0x100, 0x302]
    assert len(words._pages) == 1


@pytest.mark.parametrize(("bits", "size"), [(32, 4), (64, 8)])
def test_a_table_is_read_beyond_its_ends_too(bits: Literal[32, 64], size: int) -> None:
    data = b"".join(number.to_bytes(size, "little") for number in range(10))
    table = WordTable(WordReader(memory_of(data), "<"), 0x1000 + 2 * size, 3, bits)
    assert [*table.kept] == [2, 3, 4]
    assert [table[place] for place in (-2, -1, 0, 2, 3, 7)] == [0, 1, 2, 4, 5, 9]
    with pytest.raises(Unreadable):
        table[-3]
