"""An ELF file says the same to this reader as to pyelftools, and no bytes make the reader fail."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.segments import InterpSegment, NoteSegment

from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.relocations import relative_relocations
from fixtures.build import build_image
from fixtures.contents import OnDisk
from fixtures.workspace import Unavailable
from tests.elf.forge import Forge, library

PLACES = ("/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/libexec")


def system_elf_files(limit: int) -> list[Path]:
    """A sample of the machine's own ELF files, the same in each run."""
    found = []
    for place in PLACES:
        for path in sorted(Path(place).glob("*")):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        found.append(path)
    return random.Random(1).sample(found, min(limit, len(found)))


Needs = list[tuple[str, list[tuple[str, bool]]]]


def versions_by_pyelftools(elf: ELFFile) -> tuple[Needs, list[str]]:
    needs: Needs = []
    definitions: list[str] = []
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            needs = [
                (need.name or "", [(version.name, bool(version["vna_flags"] & 2)) for version in versions])
                for need, versions in section.iter_versions()
            ]
        elif isinstance(section, GNUVerDefSection):
            definitions = [next(iter(names)).name for _, names in section.iter_versions()]
    return needs, definitions


def by_pyelftools(elf: ELFFile) -> dict[str, object]:
    """The same facts from pyelftools."""
    tags: list[tuple[int, int]] = []
    texts: dict[str, list[str]] = {}
    facts: dict[str, object] = {"interpreter": None, "build_id": None, "abi": None}
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            facts["interpreter"] = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                for name in ("needed", "soname", "rpath", "runpath"):
                    if hasattr(tag, name):
                        texts.setdefault(name, []).append(getattr(tag, name))
                tags.append((tag.entry.d_tag, tag.entry.d_val))
        elif isinstance(segment, NoteSegment):
            for note in segment.iter_notes():
                if note["n_name"] == "GNU" and note["n_type"] == "NT_GNU_BUILD_ID":
                    facts["build_id"] = note["n_desc"]
                elif note["n_name"] == "GNU" and note["n_type"] == "NT_GNU_ABI_TAG":
                    tag = note["n_desc"]
                    facts["abi"] = (tag["abi_major"], tag["abi_minor"], tag["abi_tiny"])
    needs, definitions = versions_by_pyelftools(elf)
    return facts | {
        "bits": elf.elfclass,
        "byte_order": "little" if elf.little_endian else "big",
        "loads": [
            (s["p_offset"], s["p_vaddr"], s["p_filesz"], s["p_memsz"])
            for s in elf.iter_segments()
            if s["p_type"] == "PT_LOAD"
        ],
        "tags": len(tags) - 1 if tags else 0,
        "needed": tuple(texts.get("needed", ())),
        "soname": (["", *texts.get("soname", [])])[-1] or None,
        "rpath": (["", *texts.get("rpath", [])])[-1] or None,
        "runpath": (["", *texts.get("runpath", [])])[-1] or None,
        "needs": needs,
        "definitions": definitions,
    }


def by_reader(elf: ElfFile) -> dict[str, object]:
    return {
        "interpreter": elf.interpreter,
        "build_id": elf.build_id,
        "abi": None if elf.abi is None else elf.abi.version,
        "bits": elf.bits,
        "byte_order": elf.byte_order,
        "loads": [(s.offset, s.address, s.file_size, s.memory_size) for s in elf.segments],
        "tags": len(elf.tags),
        "needed": elf.needed,
        "soname": elf.soname,
        "rpath": elf.rpath,
        "runpath": elf.runpath,
        "needs": [(need.file, [(version.name, version.weak) for version in need.versions]) for need in elf.needs],
        "definitions": [definition.name for definition in elf.definitions],
    }


@pytest.mark.parametrize("path", system_elf_files(150), ids=str)
def test_a_file_says_what_pyelftools_reads(path: Path) -> None:
    elf = read_elf(OnDisk(path))
    assert isinstance(elf, ElfFile)
    assert elf.fault is None
    with path.open("rb") as file:
        assert by_reader(elf) == by_pyelftools(ELFFile(file))


RELATIVE = {"EM_386": 8, "EM_X86_64": 8, "EM_AARCH64": 1027, "EM_S390": 12, "EM_PPC64": 22}


def relocations_by_pyelftools(elf: ELFFile) -> Iterator[tuple[int, int]]:
    def word(address: int) -> int:
        size = elf.elfclass // 8
        for load in elf.iter_segments():
            offset = address - load["p_vaddr"]
            if load["p_type"] == "PT_LOAD" and 0 <= offset < load["p_filesz"]:
                return int.from_bytes(load.data()[offset : offset + size], "little" if elf.little_endian else "big")
        raise AssertionError(f"nothing at {address:#x}")

    for segment in elf.iter_segments():
        if not isinstance(segment, DynamicSegment):
            continue
        for name, table in segment.get_relocation_tables().items():
            for relocation in table.iter_relocations():  # type: ignore[attr-defined]
                address = relocation["r_offset"]
                if name == "RELR":
                    yield address, word(address)
                elif relocation["r_info_type"] == RELATIVE[elf["e_machine"]]:
                    yield address, relocation["r_addend"] if name == "RELA" else word(address)


def same_relative_relocations(path: Path) -> int:
    content = OnDisk(path)
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    with path.open("rb") as file:
        expected = sorted(relocations_by_pyelftools(ELFFile(file)))
    assert sorted(relative_relocations(content, elf)) == expected
    return len(expected)


@pytest.mark.parametrize("path", system_elf_files(12), ids=str)
def test_relative_relocations_are_those_of_pyelftools(path: Path) -> None:
    same_relative_relocations(path)


@pytest.mark.parametrize(
    "flags", [("-m32",), ("-m32", "-Wl,-z,pack-relative-relocs"), ("-Wl,-z,pack-relative-relocs",)], ids=" ".join
)
def test_relative_relocations_of_other_kinds(forge: Forge, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """REL, with addends in place, and RELR."""
    path = tmp_path / "lib.so"
    own = tuple(f"f{number}" for number in range(100))
    uses = tuple(f"data:{name}" for name in own)
    path.write_bytes(forge.make(library("", defines=own, uses=uses, flags=(*flags, "-Wl,-Bsymbolic"))))
    assert same_relative_relocations(path) >= 100


@pytest.mark.full
@pytest.mark.parametrize("arch", ["arm64", "ppc64el", "s390x"])
def test_relative_relocations_of_other_architectures(arch: str) -> None:
    try:
        tree = build_image("bookworm", arch).tree
    except Unavailable as error:
        pytest.skip(str(error))
    names = ("usr/sbin/xtables-nft-multi", "usr/sbin/ipset", "usr/bin/bash", "usr/sbin/tc")
    assert sum(same_relative_relocations(tree / name) for name in names if (tree / name).is_file()) > 200
