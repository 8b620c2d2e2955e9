"""What an ELF file asks of the C library, where its words are strange."""

from msgspec.structs import replace

from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.versions import NeededVersion, VersionNeed
from auditor.elf.search.loader import LoaderProfile, read_profile
from auditor.inventory.model import SymbolFloor
from auditor.inventory.objects import _raise_symbol_floors
from fixtures.contents import OnDisk
from tests.elf.loaders import own_loader

DIGITS = "9" * 5000


def own() -> ElfFile:
    elf = read_elf(OnDisk(own_loader()))
    assert isinstance(elf, ElfFile)
    return elf


def test_a_version_that_is_no_number_of_any_library_is_no_floor() -> None:
    names = ("GLIBC_2.34", f"GLIBC_2.{DIGITS}", "GLIBC_2.4")
    versions = tuple(NeededVersion(name, False, 2, 0) for name in names)
    floors: dict[tuple[str, str], SymbolFloor] = {}
    _raise_symbol_floors(floors, "ipset", "/sbin/ipset", replace(own(), needs=(VersionNeed("libc.so.6", versions),)))
    assert [floor.version for floor in floors.values()] == ["2.34"]


def test_a_loader_with_such_a_version_has_none() -> None:
    data = own_loader().read_bytes().replace(b"release version 2.", f"release version 2.{DIGITS}".encode())
    profile = read_profile(data, own(), "/lib/ld.so", "/lib/ld.so")
    assert isinstance(profile, LoaderProfile)
