"""One damage in a table that a loader reads, each with a root of its own: the auditor says what the loader says."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.elf.read.file import Tag
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.forge import Forge, Need, library, program
from tests.elf.lab import closure_of, lay_out, start
from tests.elf.loaders import RealLoader
from tests.elf.patch import (
    ADDRESS,
    ALIGNMENT,
    DYNAMIC,
    FILE_SIZE,
    LOAD,
    MEMORY_SIZE,
    NOTE,
    OFFSET,
    RELRO,
    TLS,
    Change,
    both,
    calls_beyond,
    ends_before,
    entry,
    entry_with,
    header,
    header_is,
    longer,
    put,
    table,
)

_STORAGE, _NOTED = ("-DSIZE=64", "-mtls-dialect=gnu2"), ("-fcf-protection=full",)
_SHIFT = 6  # by which the linker has hashes shifted


@dataclass(frozen=True)
class Damage:
    """What is damaged, and what the loader says of it then; nothing where it goes on as before, as glibc does from
    `before` on. `flags` are the library's; `now`: all is bound at the start.
    """

    name: str
    says: str
    library: Change | None = None
    program: Change | None = None
    loader: Change | None = None
    flags: tuple[str, ...] = ()
    now: bool = True
    before: tuple[int, int] = (99, 0)


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
    Damage("unused-bits-of-a-count", "", entry_with(Tag.RELACOUNT, 62)),
    Damage("plt-kind", "Inconsistency detected by ld.so", None, entry(Tag.PLTREL, Tag.REL)),
    Damage("segment-alignment", "ELF load command address/offset not p", header(LOAD, OFFSET, 8, 1)),
    Damage("segment-zeros", "cannot map zero-fill pages", header(LOAD, MEMORY_SIZE, 1 << 60)),
    Damage("zeros-beyond-the-last-segment", "cannot map zero-fill pages", header(LOAD, MEMORY_SIZE, 1 << 48)),
    Damage("zeros-that-no-machine-has", "cannot map zero-fill pages", header(LOAD, MEMORY_SIZE, 1 << 44, -1)),
    Damage("segment-too-far", "failed to map segment", header(LOAD, ADDRESS, 1 << 60, -1)),
    Damage("read-only-elsewhere", "cannot apply additional memory protection", header(RELRO, ADDRESS, 1 << 36)),
    Damage("unused-dynamic-size", "", None, header(DYNAMIC, FILE_SIZE, 16)),
    Damage("unused-data-encoding", "", None, lambda data: put(data, 5, "<B", 0x65)),
    Damage("unused-class-of-a-program", "", None, lambda data: put(data, 4, "<B", 1)),
    Damage("unused-byte-order-of-a-program", "", None, lambda data: put(data, 5, "<B", 2)),
    Damage("class-of-a-library", "wrong ELF class: ELFCLASS32", lambda data: put(data, 4, "<B", 1)),
    Damage("byte-order-of-a-library", "ELF file data encoding not little-endian", lambda data: put(data, 5, "<B", 2)),
    Damage("unused-plt-of-no-size", "", entry(Tag.RELASZ, (1 << 64) - 1)),
    Damage("unused-segment-size-that-wraps", "", header(LOAD, MEMORY_SIZE, -(1 << 12))),
    # The loader maps whole pages: the last relocations are there, though the segment says that it ends before them.
    Damage("unused-end-of-a-segment", "", both(header(LOAD, FILE_SIZE, -24), header(LOAD, MEMORY_SIZE, -24))),
    Damage("unused-class", "", None, lambda data: put(data, 4, "<B", 0x42)),
    Damage("unused-dynamic-size-of-a-library", "", header(DYNAMIC, FILE_SIZE, 4096)),
    # The kernel leaves what follows in the page of a segment that can't be written.
    Damage("unused-end-of-what-is-only-read", "", None, header(LOAD, FILE_SIZE, -200)),
    Damage("unused-end-of-what-the-loader-only-reads", "", loader=header(LOAD, FILE_SIZE, -0x200)),
    Damage("storage-too-large", "cannot allocate TLS data", header(TLS, MEMORY_SIZE, 1 << 46), flags=_STORAGE),
    Damage("storage-aligned-too-far", "cannot allocate TLS data", header(TLS, ALIGNMENT, 1 << 46), flags=_STORAGE),
    Damage("unused-storage", "", header(TLS, MEMORY_SIZE, 4096), flags=_STORAGE),
    Damage("state-of-the-loader", "Inconsistency detected by ld.so", loader=ends_before("_rtld_global")),
    Damage("call-of-no-symbol", "undefined symbol: ", table(Tag.JMPREL, 12, "<I", 0), now=False),
    Damage("call-of-no-symbol-that-is-bound-at-the-start", "", table(Tag.JMPREL, 12, "<I", 0), flags=("-Wl,-z,now",)),
    # glibc knows types of 32 bits; the shift was of 64 bits once, and is of as many as its number has since.
    Damage("relocation-type-of-32-bits", "unexpected reloc type 0x80000001", None, table(Tag.RELA, 11, "<B", 0x80)),
    Damage("hash-shift", "undefined symbol: f", table(Tag.GNU_HASH, 12, "<I", _SHIFT + 32), before=(2, 36)),
    Damage("unused-hash-shift", "", table(Tag.GNU_HASH, 12, "<I", _SHIFT + 64)),
    Damage("unused-note-whose-end-wraps", "", header_is(NOTE, OFFSET, (1 << 64) - 8), flags=_NOTED),
    Damage("note-outside", "cannot read file data", header(NOTE, OFFSET, 1 << 40), flags=_NOTED, before=(2, 36)),
]


def case_of(damage: Damage) -> Case:
    """A program that calls `f` and takes its address; the library has a pointer to `g`, a relative relocation, and
    calls `h` at its start.
    """
    used = program("/bin/prog", Need("libv.so", ("f@@V1",)), uses=("f", "data:f"), change=damage.program)
    provider = library(
        "/lib/libv.so",
        Need("libw.so", ("h",)),
        soname="libv.so",
        defines=("f@@V1", "g", "data:d"),
        uses=("data:g", "h"),
        flags=("-Wl,-Bsymbolic", *(() if damage.now else ("-Wl,-init,use1", "-Wl,-z,lazy")), *damage.flags),
        change=damage.library,
    )
    return Case(damage.name, (used, provider, library("/lib/libw.so", soname="libw.so", defines=("h",))))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_the_auditor_says_what_the_loader_says(
    damage: Damage, loader: RealLoader, forge: Forge, chamber: Chamber, tmp_path: Path
) -> None:
    case = case_of(damage)
    lay_out(tmp_path, case, forge, loader.path)
    if damage.loader is not None:
        place = tmp_path / case.loader.lstrip("/")
        place.write_bytes(damage.loader(place.read_bytes()))
    outcome = start(chamber, tmp_path, case, {"LD_BIND_NOW": "1"} if damage.now else {})
    messages = [problem.message for problem in closure_of(tmp_path, case).problems]
    says = damage.says if loader.version < damage.before else ""
    assert (outcome.code == 0) == (not says), outcome.output
    assert bool(messages) == bool(says), messages
    if says:
        assert says in outcome.output
        assert any(says in message for message in messages), messages


@pytest.mark.parametrize(
    ("change", "says", "before"),
    [
        (longer(1024), "variables of the loader's own begin with what follows in the file", (99, 0)),
        (calls_beyond, "a call of the loader's own leads 0x10000000000 bytes beyond", (2, 36)),
    ],
    ids=["variables", "calls"],
)
def test_a_loader_whose_own_state_is_another_does_not_start_anything(
    change: Change,
    says: str,
    before: tuple[int, int],
    loader: RealLoader,
    forge: Forge,
    chamber: Chamber,
    tmp_path: Path,
) -> None:
    """Some say so and some die. From `before` on they don't look at what is added to a call."""
    case = case_of(Damage("sound", ""))
    lay_out(tmp_path, case, forge, loader.path)
    place = tmp_path / case.loader.lstrip("/")
    place.write_bytes(change(place.read_bytes()))
    messages = [problem.message for problem in closure_of(tmp_path, case).problems]
    assert any(says in message for message in messages) == (loader.version < before), messages
    assert (start(chamber, tmp_path, case, {}).code == 0) == (not messages)
