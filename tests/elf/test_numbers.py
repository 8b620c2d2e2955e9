"""The numbers of the ELF standards that are written down here are those that pyelftools has under the same names."""

import struct
from contextlib import nullcontext

import pytest
from elftools.elf import enums
from msgspec.structs import replace

from auditor.elf.bind.narrow import _fits
from auditor.elf.bind.relocating import relocation_fault
from auditor.elf.model import Loader
from auditor.elf.read import file, notes, relocation_use, relocations
from auditor.elf.read.file import FileType, Tag
from auditor.elf.read.memory import Unreadable
from auditor.elf.search.accept import _accept_header, _has_its_abi
from auditor.elf.search.mapped import Mapped
from auditor.elf.search.store import StoredFile
from auditor.machine import Machine, architecture
from fixtures.contents import Bytes
from tests.tools.elves import Elf, parsed

ADDR30, LO_DS = relocation_use.PPC64_ADDR30, relocation_use.PPC64_ADDR16_LO_DS
RELOCATIONS = {
    Machine.I386: (enums.ENUM_RELOC_TYPE_i386, "R_386_RELATIVE", ("R_386_TLS_TPOFF", "R_386_TLS_TPOFF32")),
    Machine.X86_64: (enums.ENUM_RELOC_TYPE_x64, "R_X86_64_RELATIVE", ("R_X86_64_TPOFF64",)),
    Machine.AARCH64: (enums.ENUM_RELOC_TYPE_AARCH64, "R_AARCH64_RELATIVE", ("R_AARCH64_TLS_TPREL64",)),
    Machine.ARM: (enums.ENUM_RELOC_TYPE_ARM, "R_ARM_RELATIVE", ("R_ARM_TLS_TPOFF32",)),
    Machine.PPC64: (enums.ENUM_RELOC_TYPE_PPC64, "R_PPC64_RELATIVE", ("R_PPC64_TPREL64",)),
    Machine.S390: (enums.ENUM_RELOC_TYPE_S390X, "R_390_RELATIVE", ("R_390_TLS_TPOFF",)),
    Machine.LOONGARCH: (
        enums.ENUM_RELOC_TYPE_LOONGARCH,
        "R_LARCH_RELATIVE",
        ("R_LARCH_TLS_TPREL32", "R_LARCH_TLS_TPREL64"),
    ),
}


@pytest.mark.parametrize("machine", list(Machine), ids=lambda machine: machine.name)
def test_machines(machine: Machine) -> None:
    name = {"I386": "386"}.get(machine.name, machine.name)
    assert enums.ENUM_E_MACHINE[f"EM_{name}"] == machine


@pytest.mark.parametrize("tag", list(Tag), ids=lambda tag: tag.name)
def test_dynamic_tags(tag: Tag) -> None:
    assert enums.ENUM_D_TAG[f"DT_{tag.name}"] == tag


@pytest.mark.parametrize("kind", list(FileType), ids=lambda kind: kind.name)
def test_file_types(kind: FileType) -> None:
    assert enums.ENUM_E_TYPE[f"ET_{kind.name}"] == kind


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (file._PT_LOAD, enums.ENUM_P_TYPE_BASE["PT_LOAD"]),
        (file._PT_DYNAMIC, enums.ENUM_P_TYPE_BASE["PT_DYNAMIC"]),
        (file._PT_INTERP, enums.ENUM_P_TYPE_BASE["PT_INTERP"]),
        (file._PT_NOTE, enums.ENUM_P_TYPE_BASE["PT_NOTE"]),
        (file._PT_TLS, enums.ENUM_P_TYPE_BASE["PT_TLS"]),
        (file._PT_GNU_STACK, enums.ENUM_P_TYPE_BASE["PT_GNU_STACK"]),
        (file._DF_BIND_NOW, enums.ENUM_DT_FLAGS["DF_BIND_NOW"]),
        (file._DF_1_NOW, enums.ENUM_DT_FLAGS_1["DF_1_NOW"]),
        (file._DF_1_NOOPEN, enums.ENUM_DT_FLAGS_1["DF_1_NOOPEN"]),
        (file._DF_1_NODEFLIB, enums.ENUM_DT_FLAGS_1["DF_1_NODEFLIB"]),
        (file._DF_1_PIE, enums.ENUM_DT_FLAGS_1["DF_1_PIE"]),
        (notes._ABI_TAG, enums.ENUM_NOTE_N_TYPE["NT_GNU_ABI_TAG"]),
        (notes._BUILD_ID, enums.ENUM_NOTE_N_TYPE["NT_GNU_BUILD_ID"]),
        (notes._PROPERTIES, enums.ENUM_NOTE_N_TYPE["NT_GNU_PROPERTY_TYPE_0"]),
    ],
)
def test_headers_flags_and_notes(ours: int, theirs: int) -> None:
    assert ours == theirs


@pytest.mark.parametrize("machine", RELOCATIONS, ids=lambda machine: machine.name)
def test_relocations(machine: Machine) -> None:
    numbers, relative, fixed_storage = RELOCATIONS[machine]
    assert relocations.RELATIVE[machine] == numbers[relative]
    slots = {number for name, number in numbers.items() if name.endswith(("_JMP_SLOT", "_JUMP_SLOT"))}
    assert {relocations.JUMP_SLOT[machine]} == slots
    assert relocations._THREAD_OFFSET[machine] == {numbers[name] for name in fixed_storage}


def test_narrow_relocations() -> None:
    numbers = enums.ENUM_RELOC_TYPE_PPC64
    narrow = (relocation_use.PPC64_ADDR30, relocation_use.PPC64_ADDR16_LO_DS)
    assert narrow == (numbers["R_PPC64_ADDR30"], numbers["R_PPC64_ADDR16_LO_DS"])


@pytest.mark.parametrize(
    ("machine", "kind", "noted"),
    [
        (Machine.PPC64, relocation_use.PPC64_ADDR30, True),
        (Machine.PPC64, relocation_use.PPC64_ADDR16_LO_DS, True),
        (Machine.PPC64, 38, False),
        (Machine.X86_64, relocation_use.PPC64_ADDR30, False),
    ],
)
def test_narrow_relocations_are_noted_on_their_machine(machine: Machine, kind: int, noted: bool) -> None:
    made = Elf(order=">", machine=machine).content(imports=("f",)).data
    content = Bytes(made.replace(struct.pack(">Q", 1 << 32 | 6), struct.pack(">Q", 1 << 32 | kind)))
    elf = parsed(content)
    use = relocation_use.relocation_use(elf.memory(content), elf, musl=False, count=lambda _: None)
    assert [narrow.kind for narrow in use.narrow] == ([kind] if noted else [])


NEAR, FAR = 1 << 30, 1 << 31


@pytest.mark.parametrize(
    ("kind", "where", "target", "fits"),
    [
        # In the object itself, in both directions.
        (ADDR30, "itself", FAR - 4, True),
        (ADDR30, "itself", FAR, False),
        (ADDR30, "itself", -FAR, True),
        (ADDR30, "itself", -FAR - 4, False),
        (ADDR30, "itself", 2, False),
        # In another library, which may lie anywhere near; not in a program, which lies elsewhere.
        (ADDR30, "library", NEAR - 4, True),
        (ADDR30, "library", NEAR, False),
        (ADDR30, "library", -NEAR, False),
        (ADDR30, "program", 0, False),
        (ADDR30, "program at a fixed place", 0, False),
        (ADDR30, "nobody", 0, False),  # a weak one
        (ADDR30, "code", None, True),  # which tells it
        # Any address does, of which the last two bits are no part.
        (LO_DS, "program", FAR, True),
        (LO_DS, "library", 4 * FAR + 2, False),
    ],
)
def test_what_fits_into_less_than_an_address(kind: int, where: str, target: int | None, fits: bool) -> None:
    asked = relocation_use.Narrow(kind, 0x1000, 1, 0x1000, call=False)
    own = mapped("library", FileType.DYN)
    provider = {
        "itself": own,
        "code": own,
        "library": mapped("library", FileType.DYN),
        "program": mapped("program", FileType.DYN),
        "program at a fixed place": mapped("program", FileType.EXEC),
    }.get(where)
    assert _fits(asked, provider, target, own) is fits


def test_a_program_at_a_fixed_place_reaches_as_far_as_its_room() -> None:
    asked = relocation_use.Narrow(ADDR30, 0, 1, 0, call=False)
    own = mapped("program", FileType.EXEC)
    assert [_fits(asked, own, target, own) for target in (FAR - 4, FAR)] == [True, False]
    assert [_fits(asked, None, target, own) for target in (FAR - 4, FAR)] == [True, False]


def mapped(found_by: str, kind: FileType) -> Mapped:
    elf = replace(parsed(Elf(order=">", machine=Machine.PPC64).content()), type=kind)
    return Mapped("x", "/x", StoredFile("/x", None, None, elf), elf, None, found_by)


@pytest.mark.parametrize(
    ("order", "flags", "taken"),
    [("<", 0, True), ("<", 1, False), ("<", 2, True), ("<", 3, False), (">", 0, True), (">", 1, True), (">", 2, False)],
)
def test_the_abi_of_powerpc64_is_that_of_its_byte_order(order: str, flags: int, taken: bool) -> None:
    elf = parsed(Elf(order=order, machine=Machine.PPC64).content())
    assert _has_its_abi(replace(elf, flags=flags)) is taken
    assert _has_its_abi(replace(elf, flags=flags, machine=Machine.X86_64))


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (4, 1, "wrong ELF class: ELFCLASS32"),
        (5, 2, "ELF file data encoding not little-endian"),
        (6, 2, "ELF file version ident does not match current one"),
        (7, 1, "ELF file OS ABI invalid"),
        (7, 3, ""),  # GNU's
        (8, 1, "ELF file ABI version invalid"),
        (8, 3, "ELF file ABI version invalid"),
        (9, 1, "nonzero padding in e_ident"),
        (15, 1, "nonzero padding in e_ident"),
    ],
)
def test_the_first_bytes_of_a_library(at: int, value: int, reason: str) -> None:
    elf, amd64 = parsed(Elf().content()), architecture("amd64")
    assert amd64 is not None
    ident = elf.ident[:at] + bytes([value]) + elf.ident[at + 1 :]
    assert _accept_header(replace(elf, ident=ident), amd64).reason == reason


@pytest.mark.parametrize(("version", "reason"), [(0, ""), (1, ""), (3, ""), (4, "ELF file ABI version invalid")])
def test_the_versions_of_gnu_s_own_abi(version: int, reason: str) -> None:
    elf, amd64 = parsed(Elf().content()), architecture("amd64")
    assert amd64 is not None
    ident = elf.ident[:7] + bytes([3, version]) + elf.ident[9:]
    assert _accept_header(replace(elf, ident=ident), amd64).reason == reason


@pytest.mark.parametrize(("limit", "read"), [(2, True), (1, False)])
def test_relocations_may_name_as_many_symbols_as_the_limit(
    limit: int, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relocation_use, "_DISTINCT_LIMIT", limit)
    content = Elf().content(imports=("f", "g"))
    elf = parsed(content)
    with nullcontext() if read else pytest.raises(Unreadable, match="name more symbols"):
        use = relocation_use.relocation_use(elf.memory(content), elf, musl=False, count=lambda _: None)
        assert len(use.symbols) == 2


JUMP = "ELFW(R_TYPE)(reloc->r_info) == ELF_MACHINE_JMP_SLOT"


@pytest.mark.parametrize(
    ("loader", "machine", "at_start", "called", "lazily", "words"),
    [
        (Loader.GLIBC, Machine.X86_64, 8, 7, False, ""),
        (Loader.GLIBC, Machine.X86_64, 8, 7, True, ""),
        (Loader.GLIBC, Machine.X86_64, 0x45, 7, True, "unexpected reloc type 0x45"),
        (Loader.GLIBC, Machine.X86_64, 8, 0x45, False, "unexpected reloc type 0x45"),
        # A call that waits is another one.
        (Loader.GLIBC, Machine.X86_64, 8, 6, False, ""),
        (Loader.GLIBC, Machine.X86_64, 8, 6, True, "unexpected PLT reloc type 0x06"),
        (Loader.GLIBC, Machine.AARCH64, 1027, 1025, True, "unexpected PLT reloc type 0x401"),
        (Loader.GLIBC, Machine.PPC64, 22, 21, True, ""),
        (Loader.GLIBC, Machine.PPC64, 22, 20, False, ""),
        (Loader.GLIBC, Machine.PPC64, 22, 20, True, JUMP),
        # musl binds all at the start.
        (Loader.MUSL, Machine.X86_64, 8, 6, True, ""),
        (Loader.MUSL, Machine.X86_64, 8, 0x45, False, "unsupported relocation type 69"),
        (Loader.MUSL, Machine.X86_64, 0x45, 7, True, "unsupported relocation type 69"),
        # A machine whose types aren't known here.
        (Loader.GLIBC, Machine.ARM, 1, 1, False, ""),
    ],
)
def test_types_of_relocations_that_a_loader_knows(
    loader: Loader, machine: Machine, at_start: int, called: int, lazily: bool, words: str
) -> None:
    use = relocation_use.RelocationUse(kinds={at_start}, calls={called})
    told = relocation_fault(loader, replace(parsed(Elf().content()), machine=machine), use, lazily=lazily)
    assert (words in told) if words else not told


@pytest.mark.parametrize(
    ("machine", "bits", "tags", "is_loader", "words"),
    [
        (Machine.X86_64, 64, {Tag.RELA: 1, Tag.RELAENT: 24}, False, ""),
        (Machine.X86_64, 64, {Tag.RELA: 1, Tag.RELAENT: 23}, False, "info[DT_RELAENT]->d_un.d_val == 24"),
        (Machine.X86_64, 64, {Tag.RELAENT: 23}, False, ""),  # of what isn't there
        (Machine.X86_64, 64, {Tag.REL: 1, Tag.RELENT: 7}, False, ""),  # of what it doesn't read
        (Machine.X86_64, 64, {Tag.PLTREL: Tag.RELA}, False, ""),
        (Machine.X86_64, 64, {Tag.PLTREL: Tag.REL}, False, "info[DT_PLTREL]->d_un.d_val == 7"),
        (Machine.X86_64, 64, {Tag.RELR: 1, Tag.RELRENT: 8}, False, ""),
        (Machine.X86_64, 64, {Tag.RELR: 1, Tag.RELRENT: 4}, False, "info[DT_RELRENT]->d_un.d_val == 8"),
        (Machine.I386, 32, {Tag.REL: 1, Tag.RELENT: 8}, False, ""),
        (Machine.I386, 32, {Tag.REL: 1, Tag.RELENT: 7}, False, "info[DT_RELENT]->d_un.d_val == 8"),
        (Machine.I386, 32, {Tag.RELENT: 7}, False, ""),
        (Machine.I386, 32, {Tag.PLTREL: Tag.REL}, False, ""),
        (Machine.I386, 32, {Tag.PLTREL: Tag.RELA}, False, "info[DT_PLTREL]->d_un.d_val == 17"),
        # Of the loader itself more is taken for granted.
        (Machine.X86_64, 64, {Tag.FLAGS: 8}, True, ""),
        (Machine.X86_64, 64, {Tag.FLAGS: 4}, True, "info[DT_FLAGS] == NULL"),
        (Machine.X86_64, 64, {Tag.FLAGS: 4}, False, ""),
        (Machine.X86_64, 64, {Tag.FLAGS_1: 1}, True, ""),
        (Machine.X86_64, 64, {Tag.FLAGS_1: 3}, True, "info[DT_FLAGS_1] == NULL"),
        (Machine.X86_64, 64, {Tag.FLAGS_1: 3}, False, ""),
        (Machine.X86_64, 64, {Tag.RUNPATH: 1}, True, "info[DT_RUNPATH] == NULL"),
        (Machine.X86_64, 64, {Tag.RPATH: 1}, True, "info[DT_RUNPATH] == NULL"),
        (Machine.X86_64, 64, {Tag.RUNPATH: 1}, False, ""),
    ],
)
def test_what_a_loader_takes_for_granted(
    machine: Machine, bits: int, tags: dict[int, int], is_loader: bool, words: str
) -> None:
    elf = replace(parsed(Elf(bits=bits, machine=machine).content()), last_tags=tags)
    told = relocation_fault(Loader.GLIBC, elf, relocation_use.RelocationUse(), lazily=False, is_loader=is_loader)
    assert told.removeprefix("Inconsistency detected by ld.so: Assertion `").startswith(words)
    assert bool(told) is bool(words)
