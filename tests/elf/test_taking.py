"""Whether glibc takes a file, and what it reads in `ld.so.cache`: of single numbers at their limits.

Real loaders judge whole files in `test_damages.py`, real caches are read in `test_ldcache.py`.
"""

import struct
from typing import Any
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from auditor.elf.read.file import ElfFile, FileType, NotElf
from auditor.elf.read.memory import Segment
from auditor.elf.read.notes import AbiNote
from auditor.elf.search import ld_so_cache
from auditor.elf.search.accept import Answer, accept_candidate, accept_library, accept_opened
from auditor.elf.search.ld_so_cache import Cache, CacheEntry, CacheTooLarge, _Reader, read_cache
from auditor.elf.search.store import StoredFile
from auditor.filetree import FileKind, LookupFault
from auditor.machine import Machine
from tests.elf.caches import AMD64, NEW_MAGIC, OLD_MAGIC, Row, compat_cache, new_cache, old_cache
from tests.elf.made import ELF, GLIBC
from tests.tools.elves import Elf, parsed

PROFILE = replace(GLIBC, enforces_abi_note=True)
FILE = Mock(kind=FileKind.REGULAR)


def other(order: str, machine: Machine) -> ElfFile:
    return parsed(Elf(order=order, machine=machine).content())


@pytest.mark.parametrize(
    ("node", "fault", "elf", "answer", "reason"),
    [
        (FILE, None, ELF, Answer.TAKEN, ""),
        (None, None, None, Answer.PASSED_OVER, "no such file"),
        (None, LookupFault.LOOP, None, Answer.PASSED_OVER, "too many levels of symbolic links"),
        (Mock(kind=FileKind.DIRECTORY), None, None, Answer.FATAL, "cannot read file data: Error 21"),
        (Mock(kind=FileKind.FIFO), None, None, Answer.FATAL, "file too short"),
        (FILE, None, NotElf("invalid ELF header"), Answer.FATAL, "invalid ELF header"),
        # A note of another system is minded, one that can't be read is fatal; what is no candidate isn't looked into.
        (FILE, None, replace(ELF, note_outside=True), Answer.FATAL, "cannot read file data: Invalid argument"),
        (FILE, None, replace(ELF, note_outside=True, ident=ELF.ident[:4] + b"\1" + ELF.ident[5:]), Answer.PASSED_OVER,
         "wrong ELF class: ELFCLASS32"),
        (FILE, None, replace(ELF, abi=AbiNote("Hurd", (0, 0, 0))), Answer.PASSED_OVER, "its ABI note is for Hurd"),
        (FILE, None, replace(ELF, abi=AbiNote("Linux", (3, 2, 0))), Answer.TAKEN, ""),
        # Of another machine: passed over where it is true to itself, fatal where only its order of bytes is another.
        (FILE, None, other("<", Machine.AARCH64), Answer.PASSED_OVER, "for another machine"),
        (FILE, None, other(">", Machine.S390), Answer.PASSED_OVER, "for another machine"),
        (FILE, None, replace(ELF, ident=ELF.ident[:5] + b"\2" + ELF.ident[6:]), Answer.FATAL,
         "ELF file data encoding not little-endian"),
        (FILE, None, replace(ELF, byte_order="big", machine=Machine.X86_64 << 8), Answer.FATAL,
         "ELF file data encoding not little-endian"),
        (FILE, None, replace(ELF, version=2), Answer.FATAL, "ELF file version does not match current one"),
        (FILE, None, replace(ELF, type=FileType.EXEC), Answer.TAKEN, ""),
        (FILE, None, replace(ELF, type=1), Answer.FATAL, "only ET_DYN and ET_EXEC can be loaded"),
        (FILE, None, replace(ELF, header_entry_size=32), Answer.FATAL, "ELF file's phentsize not the expected size"),
    ],
)  # fmt: skip
def test_what_a_search_makes_of_a_file(node: Any, fault: Any, elf: Any, answer: Answer, reason: str) -> None:
    told = accept_candidate(StoredFile("/lib/x.so", node, fault, elf), PROFILE)
    assert told.answer is answer
    assert told.reason.startswith(reason) if reason else not told.reason


def test_notes_are_minded_by_the_loaders_that_look_at_them() -> None:
    newer = replace(PROFILE, enforces_abi_note=False)
    for elf in (replace(ELF, note_outside=True), replace(ELF, abi=AbiNote("Hurd", (0, 0, 0)))):
        assert accept_candidate(StoredFile("/x.so", FILE, None, elf), newer).answer is Answer.TAKEN


LIBRARY = replace(ELF, segments=(Segment(0, 0, 4096, 4096, 5),), is_dynamic=True, dynamic_size=16)


@pytest.mark.parametrize(
    ("elf", "refuses_pie", "reason"),
    [
        (LIBRARY, True, ""),
        (replace(LIBRARY, fault="cannot read file data"), True, "cannot read file data"),
        (replace(LIBRARY, segments=()), True, "object file has no loadable segments"),
        (replace(LIBRARY, is_dynamic=False), True, "object file has no dynamic section"),
        (replace(LIBRARY, dynamic_size=0), True, "object file has no dynamic section"),
        (replace(LIBRARY, dynamic_size=0, type=FileType.EXEC), True, "cannot dynamically load executable"),
        (replace(LIBRARY, type=FileType.EXEC), True, "cannot dynamically load executable"),
        (replace(LIBRARY, pie=True), True, "cannot dynamically load position-independent executable"),
        (replace(LIBRARY, pie=True), False, ""),
        (replace(LIBRARY, segments=(Segment(1, 0, 4096, 4096, 5),)), True, "ELF load command address/offset not page-"),
        (replace(LIBRARY, fault="its tables lie outside"), True, "its tables lie outside"),
    ],
)
def test_what_mapping_makes_of_a_file(elf: ElfFile, refuses_pie: bool, reason: str) -> None:
    told = accept_library(elf, replace(PROFILE, refuses_pie=refuses_pie))
    assert told.answer is (Answer.FATAL if reason else Answer.TAKEN)
    assert told.reason.startswith(reason)


NO_STACK = "cannot enable executable stack as shared object requires: Invalid argument"


@pytest.mark.parametrize(
    ("flags", "default", "stays", "started", "reason"),
    [
        (6, False, True, [6], ""),
        (7, False, True, [6], NO_STACK),
        (7, False, False, [6], ""),
        (7, False, True, [6, 7], ""),  # the stack is executable already
        (None, True, True, [6], NO_STACK),
        (None, False, True, [6], ""),
        (None, True, True, [None], ""),
    ],
)
def test_a_library_that_asks_for_an_executable_stack_while_the_program_runs(
    flags: int | None, default: bool, stays: bool, started: list[int | None], reason: str
) -> None:
    profile = replace(PROFILE, stack_default=default, stack_stays=stays)
    others = [replace(LIBRARY, stack_flags=each) for each in started]
    assert accept_opened(replace(LIBRARY, stack_flags=flags), others, profile).reason == reason


def test_a_library_that_is_not_to_be_opened() -> None:
    told = accept_opened(replace(LIBRARY, noopen=True), [], PROFILE)
    assert (told.answer, told.reason) == (Answer.FATAL, "shared object cannot be dlopen()ed")


# ld.so.cache

ROW = Row("a.so", "/lib/a.so")


def test_a_cache_that_is_cut_is_none() -> None:
    new, old = new_cache([ROW]), old_cache([ROW])
    rows_new, rows_old = 48 + 24, 16 + 12
    assert [read_cache(new[:size], "little") is None for size in (30, 47, rows_new - 1, rows_new)] == [
        *(True, True, True, False)
    ]
    assert [read_cache(old[:size], "little") is None for size in (15, rows_old - 1, rows_old)] == [True, True, False]
    assert read_cache(new_cache([])[:48], "little") == Cache(())
    assert read_cache(OLD_MAGIC + bytes(4), "little") == Cache(())
    compat = compat_cache([ROW])
    end = len(compat) - len(new_cache([ROW], start=16)) + rows_new
    assert [read_cache(compat[:size], "little") is None for size in (end - 1, end)] == [True, False]


@pytest.mark.parametrize(("flags", "read"), [(0, True), (1, False), (2, True), (3, False), (4, True), (6, True)])
def test_the_order_that_a_cache_says_it_is_in(flags: int, read: bool) -> None:
    assert (read_cache(new_cache([ROW], flags=flags), "little") is not None) is read


def test_an_entry_whose_texts_are_not_there_is_none() -> None:
    data = NEW_MAGIC + struct.pack("<IIB3xI12x", 3, 0, 2, 0)
    texts = 48 + 3 * 24
    for name, path in ((texts, texts + 2), (texts, 1 << 20), (1 << 20, texts)):
        data += struct.pack("<iIIIQ", AMD64, name, path, 7, 0)
    cache = read_cache(data + b"a\0/a\0", "little")
    assert cache == Cache((CacheEntry("a", "/a", AMD64, "", 0),))


def test_texts_have_a_limit() -> None:
    data = b"abc\0de\0f"
    assert [_Reader(data, "<").string(at) for at in (-1, 0, 4, 6, 7, 8)] == [None, "abc", "de", "", None, None]
    assert _Reader(b"\0", "<").string(0) == ""
    reader = _Reader(data, "<", left=5)
    assert [reader.string(0), reader.string(4)] == ["abc", "de"]
    with pytest.raises(CacheTooLarge):
        reader.string(0)


@pytest.mark.parametrize(
    ("sections", "levels"),
    [
        ([(0, b"ldconfig 2.36\0")], []),  # who wrote it
        ([(1, struct.pack("<2I", 8, 8))], ["level", "level"]),
        ([(1, struct.pack("<I", 8) + b"x")], []),  # no whole number of names
        ([(7, b"what is new")], []),
        ([(0, b"x\0"), (1, struct.pack("<I", 1 << 20))], [""]),
        ([(1, struct.pack("<I", 8)), (0, None)], []),  # one that lies outside
    ],
)
def test_what_a_cache_says_beside_its_entries(sections: list[tuple[int, bytes | None]], levels: list[str]) -> None:
    head = struct.pack("<II", 0xEAA42174, len(sections))
    start = 8 + 8
    bodies, rows = b"", b""
    data_at = start + 8 + 16 * len(sections)
    for tag, body in sections:
        rows += struct.pack("<IIII", tag, 0, data_at + len(bodies), 1 << 20 if body is None else len(body))
        bodies += body or b""
    data = bytes(8) + b"level\0\0\0" + head + rows + bodies
    assert ld_so_cache._extension(_Reader(data, "<"), start) == levels
    assert ld_so_cache._extension(_Reader(data[: start + 8], "<"), start) == []
    assert ld_so_cache._extension(_Reader(data[: data_at - 1], "<"), start) == []


@pytest.mark.parametrize(
    ("start", "cut", "levels"),
    [(16, 0, ["level"]), (0, 0, []), (18, 0, []), (16, 1, []), (16, 20, []), (64, 0, [])],
)
def test_where_the_extension_is(start: int, cut: int, levels: list[str]) -> None:
    """At a whole word behind the beginning, and all there; what it leads to may lie anywhere."""
    extension = struct.pack("<IIIIII", 0xEAA42174, 1, 1, 0, 4 if start else 24, 4)
    before = (bytes(4) + struct.pack("<I", 8) + b"level" + bytes(5))[: min(start, 18)]
    data = before + extension + (b"" if start else struct.pack("<I", 28) + b"level\0")
    assert ld_so_cache._extension(_Reader(data[: len(data) - cut], "<"), start) == levels


@pytest.mark.parametrize(
    ("hwcap", "hwcaps", "mask"),
    [
        (0, "", 0),
        (1 << 63, None, 1 << 63),
        (5, None, 5),
        (1 << 62, "first", 0),
        (1 << 62 | 1, "second", 0),
        (1 << 62 | 2, "#2", 0),
        (1 << 62 | 1 << 33, None, 1 << 62 | 1 << 33),
    ],
)
def test_what_an_entry_asks_of_a_processor(hwcap: int, hwcaps: str | None, mask: int) -> None:
    entry = ld_so_cache._entry("a", "/a", 3, hwcap, ["first", "second"])
    assert (entry.hwcaps, entry.mask) == (hwcaps, mask)


def cache(*names: str) -> Cache:
    return Cache(tuple(CacheEntry(name, f"/{number}", 3, "", 0) for number, name in enumerate(names)))


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        ((), "a", []),
        (("a",), "a", [0]),
        (("a",), "b", []),
        (("c", "b", "a"), "a", [2]),
        (("c", "b", "a"), "c", [0]),
        (("c", "b", "a"), "b", [1]),
        (("d", "c", "b", "a"), "a", [3]),
        (("d", "c", "b", "a"), "d", [0]),
        (("b", "b", "b"), "b", [0, 1, 2]),
        (("c", "b", "b", "a"), "b", [1, 2]),
        (("b", "b", "a", "a"), "a", [2, 3]),
        (("a", "b", "c"), "a", []),  # out of order
        # Numbers count as such, and come above letters.
        (("x10", "x9", "x1", "xa"), "x10", [0]),
        (("x10", "x9", "x1", "xa"), "x1", [2]),
        (("x10", "x9", "x1", "xa"), "xa", [3]),
        (("x10", "x9", "x1", "xa"), "x01", [2]),
    ],
)
def test_what_the_binary_search_finds(names: tuple[str, ...], wanted: str, found: list[int]) -> None:
    assert [int(entry.path[1:]) for entry in cache(*names).lookup(wanted)] == found
    assert cache(*names).lists(wanted) is (wanted in names)


def test_digits_of_other_scripts_are_letters() -> None:
    assert ld_so_cache._rank("x\u0663") != ld_so_cache._rank("x3")
    assert ld_so_cache._rank("x3") > ld_so_cache._rank("xz")
