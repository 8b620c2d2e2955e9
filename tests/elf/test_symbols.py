"""References are those that pyelftools gives, and each symbol that it lists is found, on every ELF at hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import Symbol, SymbolTableSection

from auditor.budget import Budget
from auditor.elf.bind.definitions import Definitions
from auditor.elf.bind.objects import ObjectReader
from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.symbols import SymbolTable, key
from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.build import build_image
from fixtures.contents import OnDisk
from fixtures.workspace import Unavailable
from tests.elf.forge import Forge, Need, library
from tests.elf.test_file import system_elf_files

DEFINING = {"STB_GLOBAL", "STB_WEAK", "STB_LOOS"}
TYPES = {"STT_NOTYPE", "STT_OBJECT", "STT_FUNC", "STT_COMMON", "STT_TLS", "STT_LOOS"}
_INDEXES = {"VER_NDX_LOCAL": 0, "VER_NDX_GLOBAL": 1}
HIDDEN = {"STV_HIDDEN", "STV_INTERNAL"}


def versions(elf: ELFFile) -> dict[int, str]:
    names: dict[int, str] = {}
    for section in elf.iter_sections():
        if isinstance(section, GNUVerDefSection):
            for definition, auxiliaries in section.iter_versions():
                if not definition["vd_flags"] & 1:
                    names[definition["vd_ndx"]] = next(iter(auxiliaries)).name
        elif isinstance(section, GNUVerNeedSection):
            for _, needed in section.iter_versions():
                names.update({each["vna_other"] & 0x7FFF: each.name for each in needed})
    return names


def numbered(elf: ELFFile) -> Iterator[tuple[int, Symbol, int]]:
    """(number, symbol, version index) of .dynsym."""
    table = elf.get_section_by_name(".dynsym")
    if not isinstance(table, SymbolTableSection):
        return
    section = next((each for each in elf.iter_sections() if isinstance(each, GNUVerSymSection)), None)
    for number, symbol in enumerate(table.iter_symbols()):
        index: Any = 1 if section is None else section.get_symbol(number)["ndx"]
        yield number, symbol, _INDEXES.get(index, index)


def definitions(elf: ELFFile) -> set[tuple[str, str, bool]]:
    names = versions(elf)
    found = set()
    for _, symbol, index in numbered(elf):
        info = symbol["st_info"]
        value = symbol["st_value"] or symbol["st_shndx"] == "SHN_ABS" or info["type"] == "STT_TLS"
        if (
            symbol["st_shndx"] != "SHN_UNDEF"
            and value
            and info["bind"] in DEFINING
            and info["type"] in TYPES
            and symbol["st_other"]["visibility"] not in HIDDEN
        ):
            found.add((symbol.name, names.get(index & 0x7FFF, ""), bool(index & 0x8000)))
    return found


def references(elf: ELFFile) -> set[tuple[str, str, bool]]:
    named = set()
    for segment in elf.iter_segments():
        if isinstance(segment, DynamicSegment):
            for kind, table in segment.get_relocation_tables().items():
                if kind != "RELR":
                    entries = table.iter_relocations()  # type: ignore[attr-defined]
                    named |= {each["r_info_sym"] for each in entries if each["r_info_type"]}
    names = versions(elf)
    return {
        (symbol.name, names.get(index & 0x7FFF, ""), symbol["st_info"]["bind"] == "STB_WEAK")
        for number, symbol, index in numbered(elf)
        if number in named and number and symbol["st_info"]["bind"] != "STB_LOCAL" and symbol["st_shndx"] == "SHN_UNDEF"
    }


def same(path: Path) -> None:
    content = OnDisk(path)
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    table = SymbolTable(elf.memory(content), elf)
    with path.open("rb") as file:
        theirs = ELFFile(file)
        offered = Definitions(lambda _: table, musl=False)
        there = definitions(theirs)
        for name, version, hidden in there:
            row = offered.find(key(name.encode(), version.encode()))
            assert row is not None or (hidden and not version), (path, name, version)
        others = {name for name, _, _ in references(theirs)} - {name for name, _, _ in there}
        for name in others:
            assert offered.find(name.encode(), call=True) is None, (path, name)
        assert not offered.fault and not offered.faults
        asked = {
            (each.name.decode(), each.version.decode(), each.weak)
            for each in table.references()
            if not each.defined_here
        }
        assert asked == references(theirs), path
    asks = ObjectReader(Budget(), musl=False, hash_bits=64).references(content, elf, str(path))
    assert asks.own <= asks.strong
    for each in asks.own:
        assert offered.find(each) is not None, (path, each)
        assert offered.find(each, call=True) is not None, (path, each)


@pytest.mark.parametrize("path", [path for path in system_elf_files(90) if path.stat().st_size < 1 << 20], ids=str)
def test_symbols_of_this_machines_files(path: Path) -> None:
    same(path)


@pytest.mark.parametrize("style", ["sysv", "gnu"])
def test_symbols_of_a_32_bit_file(forge: Forge, tmp_path: Path, style: str) -> None:
    path = tmp_path / "lib.so"
    binary = library(
        "",
        Need("v.so", ("h@@V1",)),
        defines=("f@V1", "f@@V2", "g@@V1", "data:d"),
        uses=("h", "data:i", "weak:j"),
        flags=("-m32", f"-Wl,--hash-style={style}"),
    )
    path.write_bytes(forge.make(binary))
    same(path)


@pytest.mark.full
@pytest.mark.parametrize(
    ("suite", "arch"),
    [(suite, arch) for suite in SUITES for arch in ARCHITECTURES],
)
def test_symbols_of_the_files_of_an_image(suite: str, arch: str) -> None:
    try:
        tree = build_image(suite, arch).tree
    except Unavailable as error:
        pytest.skip(str(error))
    found = [path for path in sorted((tree / "usr").rglob("*")) if path.is_file() and not path.is_symlink()]
    files = [path for path in found if path.stat().st_size < 1 << 20 and path.read_bytes()[:4] == b"\x7fELF"]
    assert len(files) > 300
    # Those of one suite are much alike on all machines: a quarter of them on each, another one each time.
    for path in files[ARCHITECTURES.index(arch) :: len(ARCHITECTURES)]:
        same(path)
