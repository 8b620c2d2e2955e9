"""No bytes make a reader fail, hang or use up the memory: malformed files get a fault, and the look goes on."""

import contextlib
import random
import shutil
import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.budget import Budget, Limits
from auditor.elf.bind.definitions import Definitions
from auditor.elf.linker import Linker
from auditor.elf.model import LoadFault, NoticeKind
from auditor.elf.read.file import ElfFile, Tag, read_elf
from auditor.elf.read.go_build import read_go_build
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.relocations import relative_relocations
from auditor.elf.read.symbols import SymbolTable
from auditor.elf.search.ld_so_cache import read_cache
from auditor.elf.search.loader import as_loader, read_profile
from auditor.errors import LimitExceeded
from auditor.tools.extensions import built_in_extensions
from auditor.tools.identify import identify
from auditor.tools.set_types import set_types
from benchmarks.hostile import tables
from fixtures.contents import Bytes
from tests.elf.caches import Row, compat_cache, new_cache, old_cache
from tests.elf.case import Case
from tests.elf.dirtree import DirTree
from tests.elf.forge import Forge, Need, library, program
from tests.elf.lab import lay_out
from tests.elf.test_file import system_elf_files

INTERPRETER = Path("/lib64/ld-linux-x86-64.so.2")


def look(data: bytes) -> None:
    """Everything that is ever read of one file."""
    content = Bytes(data)
    elf = read_elf(content)
    if not isinstance(elf, ElfFile):
        return
    read_profile(data, as_loader(content, elf), "/lib/ld.so", "/lib/ld.so")
    read_go_build(content, elf)
    identify("iptables", "/usr/sbin/iptables", content, elf, lambda _: None)
    built_in_extensions("/usr/sbin/iptables", content, elf)
    set_types(content, elf)
    for _ in relative_relocations(content, elf):
        pass
    table = SymbolTable(elf.memory(content), elf)
    with contextlib.suppress(Unreadable):
        table.references()
    for musl in (False, True):
        [Definitions(lambda _: table, musl=musl).find(key) for key in (b"f", b"f\0A", b"h")]


@pytest.fixture(scope="module")
def victims(forge: Forge) -> list[bytes]:
    """Small files with every structure that is read."""
    return [
        forge.make(
            library(
                "",
                Need("v.so", ("f@@V1", "h@@V2")),
                soname="x",
                runpath="/r",
                defines=("f@@A", "g@@B", "data:d"),
                uses=("f", "data:h"),
            )
        ),
        forge.make(
            program("", Need("v.so", ("data:d",)), uses=("copy:d",), flags=("-no-pie", "-Wl,--hash-style=sysv"))
        ),
        forge.make(program("", "a.so", uses=("data:f",), flags=("-Wl,-z,pack-relative-relocs",))),
    ]


def test_every_cut(victims: list[bytes]) -> None:
    for data in victims:
        for size in range(min(len(data), 1500)):
            look(data[:size])
        for size in range(1500, len(data), 97):
            look(data[:size])


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes_changed(victims: list[bytes], seed: int) -> None:
    chance = random.Random(seed)
    interesting = (0, 1, 0x7F, 0x80, 0xFF)
    for data in victims:
        for _ in range(150):
            changed = bytearray(data)
            for _ in range(chance.choice((1, 1, 2, 8))):
                # Most of what matters lies at the beginning and in the dynamic section.
                end = chance.choice((64, 600, 1500, len(data)))
                changed[chance.randrange(min(end, len(data)))] = chance.choice((*interesting, chance.randrange(256)))
            look(bytes(changed))


def dynamic_entries(data: bytes) -> list[int]:
    """Offsets of the dynamic entries."""
    start, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    for number in range(count):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", data, start + 56 * number)
        if kind == 2:
            return list(range(offset, offset + size, 16))
    return []


@pytest.mark.parametrize("value", [0, 1, 7, 0x1000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 8])
def test_every_dynamic_entry_changed(victims: list[bytes], value: int) -> None:
    for data in victims:
        for place in dynamic_entries(data):
            look(data[: place + 8] + struct.pack("<Q", value) + data[place + 16 :])


@pytest.mark.parametrize("value", [0, 1, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1])
def test_every_program_header_field_changed(victims: list[bytes], value: int) -> None:
    for data in victims:
        count = struct.unpack_from("<H", data, 56)[0]
        for place in range(64, 64 + 56 * count, 8):
            look(data[:place] + struct.pack("<Q", value) + data[place + 8 :])


def test_other_class_and_byte_order(victims: list[bytes]) -> None:
    for data in victims:
        for bits in (0, 1, 2, 3):
            for order in (0, 1, 2, 3):
                look(data[:4] + bytes((bits, order)) + data[6:])


def rewritten(data: bytes, tag: int, at: int, words: bytes) -> bytes:
    """With other bytes in the table that a dynamic entry leads to (addresses are offsets there)."""
    for place in dynamic_entries(data):
        number, address = struct.unpack_from("<qQ", data, place)
        if number == tag:
            return data[: address + at] + words + data[address + at + len(words) :]
    raise AssertionError(f"no dynamic entry {tag}")


@pytest.mark.parametrize(
    ("tag", "at", "words"),
    [
        (Tag.GNU_HASH, 0, struct.pack("<I", 0xFFFFFFFF)),  # buckets
        (Tag.GNU_HASH, 0, struct.pack("<I", 0)),
        (Tag.GNU_HASH, 4, struct.pack("<I", 0xFFFFFFFF)),  # first symbol
        (Tag.GNU_HASH, 8, struct.pack("<I", 0xFFFFFFFF)),  # bloom words
        (Tag.GNU_HASH, 24, bytes(200)),  # a chain without end
        (Tag.VERNEED, 12, struct.pack("<I", 1)),  # next, overlapping
        (Tag.VERNEED, 8, struct.pack("<I", 0)),  # first auxiliary: itself
        (Tag.VERNEED, 28, struct.pack("<I", 1)),
        (Tag.VERDEF, 16, struct.pack("<I", 1)),
        (Tag.VERDEF, 12, struct.pack("<I", 0xFFFFFFFF)),
    ],
)
def test_tables_that_go_astray(victims: list[bytes], tag: Tag, at: int, words: bytes) -> None:
    started = time.monotonic()
    look(rewritten(victims[0], tag, at, words))
    assert time.monotonic() - started < 5


def test_names_that_share_their_bytes() -> None:
    """Many symbols with the same long name would be gigabytes, were all names read."""
    count, name = 1 << 16, b"x" * 60000 + b"\0"
    strings, symbols = 0x1000, 0x20000
    table = struct.pack("<IBBHQQ", 0, 0x12, 0, 1, 1, 1) * count
    hash_table = symbols + len(table)
    end = hash_table + 8
    dynamic = end
    entries = ((5, strings), (10, len(name)), (6, symbols), (4, hash_table), (0, 0))
    data = bytearray(dynamic + 16 * len(entries))
    data[:64] = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    data[64:176] = struct.pack("<IIQQQQQQ", 1, 6, 0, 0, 0, len(data), len(data), 0x1000) + struct.pack(
        "<IIQQQQQQ", 2, 6, dynamic, dynamic, 0, 16 * len(entries), 16 * len(entries), 8
    )
    data[strings : strings + len(name)] = name
    data[symbols : symbols + len(table)] = table
    data[hash_table : hash_table + 8] = struct.pack("<II", 1, count)
    data[dynamic:] = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    content = Bytes(bytes(data))
    elf = read_elf(content)
    assert isinstance(elf, ElfFile) and elf.fault is None
    offered = Definitions(lambda _: SymbolTable(elf.memory(content), elf), musl=False)
    assert offered.find(name[:-1]) is not None


def more_headers(data: bytes, kind: int, count: int, size: int) -> bytes:
    """The file with program headers added, all of the same bytes, and with many notes at its end for them to be of."""
    start, known = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    notes = struct.pack("<III", 0, 0, 1) * (size // 12)
    added = struct.pack("<IIQQQQQQ", kind, 4, len(data), 0, 0, len(notes), len(notes), 4) * count
    headers = data[start : start + 56 * known] + added
    changed = bytearray(data + notes + headers)
    changed[32:40] = struct.pack("<Q", len(data) + len(notes))
    changed[56:58] = struct.pack("<H", known + count)
    return bytes(changed)


PT_LOAD, PT_NOTE = 1, 4


@pytest.mark.parametrize(
    ("kind", "count", "size", "fault"),
    [
        (PT_NOTE, 60000, 1 << 16, "more program headers than any real object"),
        (PT_LOAD, 60000, 1 << 16, "more program headers than any real object"),
        (PT_NOTE, 1000, 1 << 16, "more notes than any real object"),
        (PT_NOTE, 1, 1 << 17, "more notes than any real object"),
        (PT_NOTE, 1, 1 << 15, "more notes than any real object"),
        (PT_NOTE, 8, 960, None),
    ],
)
def test_headers_and_notes_by_the_thousand(
    victims: list[bytes], kind: int, count: int, size: int, fault: str | None
) -> None:
    elf = read_elf(Bytes(more_headers(victims[0], kind, count, size)))
    assert isinstance(elf, ElfFile)
    assert (elf.fault is None) if fault is None else (fault in (elf.fault or ""))


@pytest.mark.parametrize(
    "data",
    [
        tables.go_headers(1 << 16, 1_000),
        tables.endless_versions(10_000, 4 << 20),
        tables.endless_names(50_000, 8 << 20),
        tables.loader_of_segments(),
        tables.overlapping_notes(),
        tables.text_without_end(300_000),
        tables.many_versions(40_000),
    ],
    ids=["go", "versions", "names", "loader", "notes", "text", "tools"],
)
def test_no_table_is_gone_through_once_for_each_row_of_another(data: bytes) -> None:
    """Minutes or hours otherwise, for a file of some kilobytes as it is stored."""
    look(data)


@pytest.mark.parametrize(("limits", "name"), [(Limits(symbols=10_000), "symbols"), (Limits(tables=50_000), "tables")])
def test_what_is_done_for_each_name_and_each_record_counts(tmp_path: Path, limits: Limits, name: str) -> None:
    """However few bytes they have of their own."""
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    files = {"symbols": tables.long_names(5_000), "tables": tables.endless_versions(300, 300)}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/prog").write_bytes(files[name])
    (tmp_path / "lib64").mkdir()
    shutil.copy(INTERPRETER, tmp_path / "lib64")
    start = Linker(DirTree(tmp_path), budget=Budget(limits))
    with pytest.raises(LimitExceeded, match=f"more {name} than the limit"):
        start.closure("/bin/prog")


def test_needs_with_endless_names(forge: Forge) -> None:
    elf = read_elf(Bytes(forge.make(library("", *("x" * 3000 + str(number) for number in range(400))))))
    assert isinstance(elf, ElfFile)
    assert "longer names than any real object" in (elf.fault or "")


@pytest.mark.parametrize("loader", [str(INTERPRETER), "/lib/ld-musl-x86_64.so.1"])
def test_a_mesh_of_libraries_that_need_each_other(forge: Forge, tmp_path: Path, loader: str) -> None:
    """As many needs as libraries squared: each library is mapped once, in the order of the needs."""
    if not Path(loader).exists():
        pytest.skip(f"this machine has no {loader}")
    names = [f"n{number:03}.so" for number in range(200)]
    start = program("/bin/prog", names[0], interpreter=loader)
    lay_out(tmp_path, Case("mesh", (start,), loader=loader), forge, Path(loader))
    data = forge.make(library("", *names, defines=("f",), uses=("f",)))
    for name in names:
        (tmp_path / "lib" / name).write_bytes(data)
    closure = Linker(DirTree(tmp_path)).closure("/bin/prog")
    assert not closure.problems
    assert [each.name for each in closure.objects if each.name in names] == names


def test_more_needs_than_the_budget_allows(forge: Forge, tmp_path: Path) -> None:
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    names = [f"n{number}.so" for number in range(40)]
    lay_out(tmp_path, Case("needs", (program("/bin/prog", names[0]),)), forge, INTERPRETER)
    data = forge.make(library("", *names))
    for name in names:
        (tmp_path / "lib" / name).write_bytes(data)
    assert not Linker(DirTree(tmp_path), budget=Budget(Limits(needed=2000))).closure("/bin/prog").problems
    for limits, name in ((Limits(needed=1000), "needed"), (Limits(tables=10000), "tables")):
        with pytest.raises(LimitExceeded, match=f"more {name} than the limit"):
            Linker(DirTree(tmp_path), budget=Budget(limits)).closure("/bin/prog")


@pytest.mark.parametrize(
    ("limits", "name"), [(Limits(symbols=300), "symbols"), (Limits(relocations=100), "relocations")]
)
def test_more_symbols_than_the_budget_allows(forge: Forge, tmp_path: Path, limits: Limits, name: str) -> None:
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    names = tuple(f"f{number}" for number in range(200))
    used = program("/bin/prog", Need("a.so", names), uses=tuple(f"data:{each}" for each in names))
    lay_out(tmp_path, Case("many", (used, library("/lib/a.so", soname="a.so", defines=names))), forge, INTERPRETER)
    assert not Linker(DirTree(tmp_path)).closure("/bin/prog").problems
    with pytest.raises(LimitExceeded, match=f"more {name} than the limit"):
        Linker(DirTree(tmp_path), budget=Budget(limits)).closure("/bin/prog")


def test_a_hash_chain_that_leads_back_to_itself(forge: Forge, tmp_path: Path) -> None:
    """The loader would walk it for ever; what the walk costs counts as symbols looked at."""
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    looped = library(
        "/lib/a.so",
        soname="a.so",
        defines=("f", "g", "h"),
        flags=("-Wl,--hash-style=sysv",),
        # One bucket, and the symbol after each is itself.
        change=lambda data: rewritten(data, Tag.HASH, 0, struct.pack("<7I", 1, 4, 1, 0, 1, 2, 3)),
    )
    used = program("/bin/prog", Need("a.so", ("none",)), uses=("data:none",))
    lay_out(tmp_path, Case("loop", (used, looped)), forge, INTERPRETER)
    assert "hash chain without end" in Linker(DirTree(tmp_path)).closure("/bin/prog").problems[0].message
    with pytest.raises(LimitExceeded, match="more symbols than the limit"):
        Linker(DirTree(tmp_path), budget=Budget(Limits(symbols=5000))).closure("/bin/prog")


@pytest.mark.parametrize(("rows", "length"), [(1000, 60000), (200000, 10)])
def test_a_cache_with_more_in_it_than_any_real_one(forge: Forge, tmp_path: Path, rows: int, length: int) -> None:
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    lay_out(tmp_path, Case("cache", (program("/bin/prog", "a.so"), library("/lib/a.so"))), forge, INTERPRETER)
    head = new_cache([])
    at = len(head) + 24 * rows
    text = b"a" * length + b"\0"
    row = struct.pack("<iIIIQ", 0x303, at, at, 0, 0)
    counted = head[:20] + struct.pack("<II", rows, len(text)) + head[28:]
    (tmp_path / "etc/ld.so.cache").write_bytes(counted + row * rows + text)
    (notice,) = Linker(DirTree(tmp_path)).closure("/bin/prog").notices
    assert (notice.kind, notice.name) == (NoticeKind.UNKNOWN, "/etc/ld.so.cache")


def test_a_cache_of_any_bytes() -> None:
    rows = [Row("b.so", "/opt/b.so", hwcap="x86-64-v2"), Row("b.so", "/opt/b.so"), Row("a.so", "/opt/a.so")]
    chance = random.Random(3)
    for data in (new_cache(rows), old_cache(rows), compat_cache(rows)):
        for size in range(len(data)):
            read_cache(data[:size], "little")
        for _ in range(1500):
            changed = bytearray(data)
            changed[chance.randrange(len(data))] = chance.choice((0, 1, 0xFF, chance.randrange(256)))
            cache = read_cache(bytes(changed), chance.choice(("little", "big")))
            if cache is not None:
                cache.lookup("a.so")
                cache.lists("none")


def test_a_program_of_malformed_libraries_is_judged(forge: Forge, tmp_path: Path) -> None:
    """Whatever a library holds, the program's other libraries are looked at."""
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    chance = random.Random(5)
    sound = library("/lib/a.so", defines=("f@@V1",))
    binaries = (program("/bin/prog", "a.so", "b.so", Need("a.so", ("f@@V1",)), uses=("f",)), sound)
    lay_out(tmp_path, Case("hostile", binaries), forge, INTERPRETER)
    data = forge.make(sound)
    for _ in range(60):
        changed = bytearray(data)
        changed[chance.randrange(min(len(data), 1200))] = chance.randrange(256)
        (tmp_path / "lib/a.so").write_bytes(changed)
        closure = Linker(DirTree(tmp_path)).closure("/bin/prog")
        assert any(problem.name == "b.so" for problem in closure.problems)


def test_the_symbols_of_a_library_that_cannot_be_read_are_its_evidence(forge: Forge, tmp_path: Path) -> None:
    sound = library("/lib/a.so", soname="a.so", defines=("f@@V1", "g@@V1"))
    broken = replace(sound, change=lambda data: rewritten(data, Tag.GNU_HASH, 0, struct.pack("<I", 0xFFFFFFFF)))
    binaries = (program("/bin/prog", Need("a.so", ("f@@V1", "g@@V1")), uses=("data:f", "data:g")), broken)
    lay_out(tmp_path, Case("unreadable", binaries), forge, INTERPRETER)
    (problem,) = Linker(DirTree(tmp_path)).closure("/bin/prog").problems
    assert (problem.fault, problem.path, problem.symbols) == (LoadFault.ELF_MALFORMED, "/lib/a.so", ("f", "g"))


@pytest.mark.parametrize("path", system_elf_files(12), ids=str)
def test_real_files_with_bytes_changed(path: Path) -> None:
    data = path.read_bytes()[: 1 << 20]
    chance = random.Random(7)
    for _ in range(15):
        changed = bytearray(data)
        for _ in range(20):
            changed[chance.randrange(min(len(data), 1 << 14))] = chance.randrange(256)
        look(bytes(changed))
