"""One damage in a table that a loader reads, each with a root of its own: the auditor says what the loader says."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.elf.read.file import Tag
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.forge import Forge, Need, library, program
from tests.elf.lab import closure_of, lay_out, start
from tests.elf.loaders import RealLoader

Change = Callable[[bytes], bytes]
_LOAD, _DYNAMIC, _RELRO = 1, 2, 0x6474E552
_OFFSET, _ADDRESS, _FILE_SIZE, _MEMORY_SIZE = 8, 16, 32, 40  # in a program header


def headers(data: bytes, kind: int) -> list[int]:
    """Where the program headers of a kind are."""
    start, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    places = range(start, start + 56 * count, 56)
    return [place for place in places if struct.unpack_from("<I", data, place)[0] == kind]


def put(data: bytes, place: int, layout: str, value: int) -> bytes:
    return data[:place] + struct.pack(layout, value) + data[place + struct.calcsize(layout) :]


def header(kind: int, field: int, add: int, number: int = 0) -> Change:
    """Add to a field of the `number`th program header of a kind."""

    def change(data: bytes) -> bytes:
        place = headers(data, kind)[number] + field
        return put(data, place, "<Q", (struct.unpack_from("<Q", data, place)[0] + add) % (1 << 64))

    return change


def entry(tag: int, value: int) -> Change:
    """Another value of a dynamic entry."""
    return lambda data: put(data, dynamic(data, tag) + 8, "<Q", value)


def both(one: Change, other: Change) -> Change:
    return lambda data: other(one(data))


def dynamic(data: bytes, tag: int) -> int:
    place = struct.unpack_from("<Q", data, headers(data, _DYNAMIC)[0] + _OFFSET)[0]
    while struct.unpack_from("<Q", data, place)[0] != tag:
        place += 16
    return int(place)


def table(tag: int, at: int, layout: str, value: int) -> Change:
    """Another number in the table that a dynamic entry leads to."""

    def change(data: bytes) -> bytes:
        address = struct.unpack_from("<Q", data, dynamic(data, tag) + 8)[0]
        for load in headers(data, _LOAD):
            offset, start, _, size = struct.unpack_from("<QQQQ", data, load + _OFFSET)
            if start <= address < start + size:
                return put(data, address - start + offset + at, layout, value)
        raise AssertionError(f"no table {tag}")

    return change


@dataclass(frozen=True)
class Damage:
    """What is damaged, and what the loader says of it then; nothing where it goes on as before."""

    name: str
    says: str
    library: Change | None = None
    program: Change | None = None


DAMAGES = [
    Damage("hash-bloom", "undefined symbol: f", table(Tag.GNU_HASH, 16, "<Q", 0)),
    Damage("hash-bucket", "undefined symbol: f", table(Tag.GNU_HASH, 24, "<I", 0)),
    Damage("hash-bloom-words", "Inconsistency detected by ld.so", table(Tag.GNU_HASH, 8, "<I", 3)),
    Damage("needed-version-record", "unsupported version 2 of Verneed record", None, table(Tag.VERNEED, 0, "<H", 2)),
    Damage("defined-version-record", "unsupported version 2 of Verdef record", table(Tag.VERDEF, 0, "<H", 2)),
    Damage("needed-version-hash", "version `V1' not found", None, table(Tag.VERNEED, 16, "<I", 77)),
    Damage("relocation-type", "unexpected reloc type 0x45", None, table(Tag.RELA, 8, "<I", 0x45)),
    Damage("relocation-size", "Inconsistency detected by ld.so", None, entry(Tag.RELAENT, 23)),
    Damage("relocation-count", "Inconsistency detected by ld.so", table(Tag.RELA, 8, "<I", 1)),
    Damage("plt-kind", "Inconsistency detected by ld.so", None, entry(Tag.PLTREL, Tag.REL)),
    Damage("segment-alignment", "ELF load command address/offset not p", header(_LOAD, _OFFSET, 8, 1)),
    Damage("segment-zeros", "cannot map zero-fill pages", header(_LOAD, _MEMORY_SIZE, 1 << 60)),
    Damage("segment-too-far", "failed to map segment", header(_LOAD, _ADDRESS, 1 << 60, -1)),
    Damage("read-only-elsewhere", "cannot apply additional memory protection", header(_RELRO, _ADDRESS, 1 << 36)),
    Damage("unused-dynamic-size", "", None, header(_DYNAMIC, _FILE_SIZE, 16)),
    Damage("unused-data-encoding", "", None, lambda data: put(data, 5, "<B", 0x65)),
    Damage("unused-class-of-a-program", "", None, lambda data: put(data, 4, "<B", 1)),
    Damage("unused-byte-order-of-a-program", "", None, lambda data: put(data, 5, "<B", 2)),
    Damage("class-of-a-library", "wrong ELF class: ELFCLASS32", lambda data: put(data, 4, "<B", 1)),
    Damage("byte-order-of-a-library", "ELF file data encoding not little-endian", lambda data: put(data, 5, "<B", 2)),
    Damage("unused-plt-of-no-size", "", entry(Tag.RELASZ, (1 << 64) - 1)),
    Damage("unused-segment-size-that-wraps", "", header(_LOAD, _MEMORY_SIZE, -(1 << 12))),
    # The loader maps whole pages: the last relocations are there, though the segment says that it ends before them.
    Damage("unused-end-of-a-segment", "", both(header(_LOAD, _FILE_SIZE, -24), header(_LOAD, _MEMORY_SIZE, -24))),
    Damage("unused-class", "", None, lambda data: put(data, 4, "<B", 0x42)),
    Damage("unused-dynamic-size-of-a-library", "", header(_DYNAMIC, _FILE_SIZE, 4096)),
]


def case_of(damage: Damage) -> Case:
    """A program that calls `f` and takes its address; the library has a pointer to `g`, a relative relocation."""
    used = program("/bin/prog", Need("libv.so", ("f@@V1",)), uses=("f", "data:f"), change=damage.program)
    provider = library(
        "/lib/libv.so",
        soname="libv.so",
        defines=("f@@V1", "g", "data:d"),
        uses=("data:g",),
        flags=("-Wl,-Bsymbolic",),
        change=damage.library,
    )
    return Case(damage.name, (used, provider))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_the_auditor_says_what_the_loader_says(
    damage: Damage, loader: RealLoader, forge: Forge, chamber: Chamber, tmp_path: Path
) -> None:
    case = case_of(damage)
    lay_out(tmp_path, case, forge, loader.path)
    outcome = start(chamber, tmp_path, case, {"LD_BIND_NOW": "1"})
    messages = [problem.message for problem in closure_of(tmp_path, case).problems]
    assert (outcome.code == 0) == (not damage.says), outcome.output
    assert bool(messages) == bool(damage.says), messages
    if damage.says:
        assert damage.says in outcome.output
        assert any(damage.says in message for message in messages), messages
