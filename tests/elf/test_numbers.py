"""The numbers of the ELF standards that are written down here are those that pyelftools has under the same names."""

import pytest
from elftools.elf import enums

from auditor.elf.read import file, notes, relocation_use, relocations
from auditor.elf.read.file import FileType, Tag
from auditor.machine import Machine

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
