"""Whether glibc takes a file that its search came to: takes it, goes on to the next place, or gives up.

The order of the checks is that of `open_verify` and `_dl_map_object_from_fd` in glibc's dl-load.c.
"""

import enum
from collections.abc import Iterable

from msgspec import Struct

from auditor.elf.read.file import CANNOT_READ, ElfFile, FileType, NotElf
from auditor.elf.read.memory import PF_X
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapping import mapping_fault
from auditor.elf.search.store import StoredFile
from auditor.filetree import FileKind, LookupFault
from auditor.machine import Architecture, Machine, describe

_OS_ABI_GNU = 3
_ABI_MAX = 4  # LIBC_ABI_MAX
_PPC64_ABI = 3  # EF_PPC64_ABI
_CLASS = {32: 1, 64: 2}
_DATA = {"little": 1, "big": 2}


class Answer(enum.Enum):
    """What becomes of a candidate."""

    TAKEN = "taken"
    PASSED_OVER = "passed over"
    FATAL = "fatal"


class Acceptance(Struct, frozen=True):
    """The answer and its reason, in the loader's words where it is fatal. `foreign`: of another machine."""

    answer: Answer
    reason: str = ""
    foreign: bool = False
    other_class: bool = False


TAKEN = Acceptance(Answer.TAKEN)
_FAULTS = {
    LookupFault.MISSING: "no such file",
    LookupFault.DANGLING: "dangling link",
    LookupFault.LOOP: "too many levels of symbolic links",
    LookupFault.NOT_A_DIRECTORY: "a part of the path is no directory",
}


def accept_candidate(stored: StoredFile, profile: LoaderProfile) -> Acceptance:
    """What a search of that loader makes of the file before it maps it (`open_verify`)."""
    if stored.node is None:
        return _passed_over(_FAULTS[stored.fault or LookupFault.MISSING])
    if stored.node.kind is FileKind.DIRECTORY:
        return _fatal("cannot read file data: Error 21")
    if stored.elf is None:
        return _fatal("file too short")  # a device or pipe: what it would give to a reader isn't in an image
    if isinstance(stored.elf, NotElf):
        return _fatal(stored.elf.reason)
    accepted = _accept_header(stored.elf, profile.architecture)
    if accepted is TAKEN and profile.enforces_abi_note and stored.elf.note_outside:
        return _fatal("cannot read file data: Invalid argument")
    abi = stored.elf.abi
    if accepted is TAKEN and profile.enforces_abi_note and abi is not None and abi.system != "Linux":
        return _passed_over(f"its ABI note is for {abi.system}")
    return accepted


def _accept_header(elf: ElfFile, target: Architecture) -> Acceptance:
    ident = elf.ident
    if ident[4] != _CLASS[target.bits]:
        other = f"wrong ELF class: ELFCLASS{96 - target.bits}"
        return Acceptance(Answer.PASSED_OVER, other, foreign=True, other_class=True)
    # The loader reads the machine in its own byte order: a true file of another architecture is passed over.
    same_order = elf.byte_order == target.byte_order
    if (elf.machine if same_order else _swapped(elf.machine)) != target.machine:
        return Acceptance(Answer.PASSED_OVER, f"for another machine ({describe(elf)})", foreign=True)
    if not same_order or ident[5] != _DATA[target.byte_order]:
        reason = f"ELF file data encoding not {target.byte_order}-endian"
        return Acceptance(Answer.FATAL, reason, foreign=not same_order)
    if ident[6] != 1:
        return _fatal("ELF file version ident does not match current one")
    if ident[7] not in (0, _OS_ABI_GNU):
        return _fatal("ELF file OS ABI invalid")
    if ident[8] != 0 and (ident[7] != _OS_ABI_GNU or ident[8] >= _ABI_MAX):
        return _fatal("ELF file ABI version invalid")
    if any(ident[9:16]):
        return _fatal("nonzero padding in e_ident")
    if elf.version != 1:
        return _fatal("ELF file version does not match current one")
    if not _has_its_abi(elf):
        return Acceptance(Answer.PASSED_OVER, f"for another ABI (e_flags {elf.flags:#x})", foreign=True)
    if elf.type not in (FileType.DYN, FileType.EXEC):
        return _fatal("only ET_DYN and ET_EXEC can be loaded")
    if elf.header_entry_size != (56 if elf.bits == 64 else 32):
        return _fatal("ELF file's phentsize not the expected size")
    return TAKEN


def _has_its_abi(elf: ElfFile) -> bool:
    """Whether it is of the one ABI of its byte order, or says none (`elf_machine_matches_host` of powerpc64)."""
    if elf.machine != Machine.PPC64 or elf.bits != 64:
        return True
    return elf.flags & _PPC64_ABI in (0, 2 if elf.byte_order == "little" else 1)


def accept_library(elf: ElfFile, profile: LoaderProfile) -> Acceptance:
    """What mapping makes of a file that the search took (`_dl_map_object_from_fd`)."""
    if elf.fault == CANNOT_READ:
        return _fatal(elf.fault)
    if not elf.segments:
        return _fatal("object file has no loadable segments")
    if not elf.is_dynamic or not elf.dynamic_size:
        return _fatal("cannot dynamically load executable" if elf.type == FileType.EXEC else _NO_DYNAMIC)
    if elf.type == FileType.EXEC:
        return _fatal("cannot dynamically load executable")
    if elf.pie and profile.refuses_pie:
        return _fatal("cannot dynamically load position-independent executable")
    fault = mapping_fault(elf, profile) or elf.fault
    return _fatal(fault) if fault else TAKEN


def accept_opened(elf: ElfFile, started: Iterable[ElfFile], profile: LoaderProfile) -> Acceptance:
    """What it makes of such a file besides, while the program runs; `started` is the program with what it loaded."""
    if elf.noopen:
        return _fatal("shared object cannot be dlopen()ed")
    if not profile.stack_stays or not _asks_for_stack(elf, profile):
        return TAKEN
    if any(_asks_for_stack(each, profile) for each in started):
        return TAKEN  # the stack is executable already
    return _fatal("cannot enable executable stack as shared object requires: Invalid argument")


def _asks_for_stack(elf: ElfFile, profile: LoaderProfile) -> bool:
    return profile.stack_default if elf.stack_flags is None else bool(elf.stack_flags & PF_X)


_NO_DYNAMIC = "object file has no dynamic section"


def _swapped(machine: int) -> int:
    return (machine & 0xFF) << 8 | machine >> 8


def _passed_over(reason: str) -> Acceptance:
    return Acceptance(Answer.PASSED_OVER, reason)


def _fatal(reason: str) -> Acceptance:
    return Acceptance(Answer.FATAL, reason)
