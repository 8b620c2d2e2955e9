"""What a kernel refuses of a program and of its loader, said of single facts; real kernels judge in `test_start.py`."""

from typing import Any
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault, LoadProblem
from auditor.elf.read.file import ElfFile, FileType, NotElf
from auditor.elf.read.memory import Segment
from auditor.elf.search.environment import Surroundings
from auditor.elf.search.execve import Interpreter, find_interpreter, program_problem
from auditor.elf.search.store import StoredFile
from auditor.filetree import FileKind, LookupFault
from auditor.machine import Machine
from tests.elf.made import AMD64, CONTENT, ELF
from tests.tools.elves import Elf, parsed

PROGRAM = replace(ELF, type=FileType.EXEC, segments=(Segment(0, 0, 4096, 4096, 5),))
ARM = parsed(Elf(machine=Machine.AARCH64).content())
MALFORMED, MISSING, OTHER = LoadFault.ELF_MALFORMED, LoadFault.INTERPRETER_MISSING, LoadFault.ARCHITECTURE_MISMATCH
NOEXEC = "exec /bin/x: exec format error"


@pytest.mark.parametrize(
    ("elf", "fault", "words"),
    [
        (PROGRAM, None, ""),
        (replace(PROGRAM, type=FileType.DYN), None, ""),
        (None, MALFORMED, f"{NOEXEC} (no regular file)"),
        (NotElf("file too short"), MALFORMED, f"{NOEXEC} (file too short)"),
        (replace(PROGRAM, type=1), MALFORMED, f"{NOEXEC} (it is no program)"),
        (replace(PROGRAM, segments=()), MALFORMED, f"{NOEXEC} (it is no program)"),
        (replace(PROGRAM, segments=(), fault="cut"), MALFORMED, f"{NOEXEC} (cut)"),
        (replace(PROGRAM, interpreter_fault="it has no end"), MALFORMED, f"{NOEXEC} (it has no end)"),
        # The properties of a program count where it names no loader; else those of the loader do.
        (replace(PROGRAM, property_fault="bad", interpreter=None), MALFORMED, f"{NOEXEC} (bad)"),
        (replace(PROGRAM, property_fault="bad", interpreter="/ld.so"), None, ""),
        (replace(PROGRAM, machine=Machine.AARCH64), OTHER, f"{NOEXEC} (it is for arm64, the platform is amd64)"),
    ],
)
def test_a_program(elf: ElfFile | NotElf | None, fault: LoadFault | None, words: str) -> None:
    told = program_problem(StoredFile("/bin/x", None, None, elf), AMD64)
    assert (told and told.fault, told.message if told else "") == (fault, words)


def test_a_program_may_be_for_any_machine_where_none_is_named() -> None:
    assert program_problem(StoredFile("/bin/x", None, None, replace(PROGRAM, machine=Machine.AARCH64)), None) is None


def found(elf: ElfFile | NotElf | None, **fields: Any) -> StoredFile:
    node = Mock(**{"kind": FileKind.REGULAR, "mode": 0o755, "content": CONTENT} | fields)
    return StoredFile("/lib/ld.so", node, None, elf)


CORRUPTED = "exec /bin/x: accessing a corrupted shared library (its dynamic loader /ld.so"
DENIED = "exec /bin/x: permission denied (its dynamic loader /ld.so can't be executed)"


@pytest.mark.parametrize(
    ("stored", "fault", "words"),
    [
        (StoredFile("/ld.so", None, LookupFault.MISSING, None), MISSING,
         "exec /bin/x: no such file or directory (its dynamic loader /ld.so is not in the image)"),
        (found(ELF, kind=FileKind.DIRECTORY), MISSING, DENIED),
        (found(ELF, mode=0o644), MISSING, DENIED),
        (found(None), MISSING, f"{CORRUPTED} is no ELF file)"),
        (found(NotElf("file too short")), MISSING, f"{CORRUPTED} is no ELF file)"),
        (found(replace(ELF, machine=Machine.AARCH64)), OTHER, f"{CORRUPTED} is for arm64)"),
        (found(replace(ELF, fault="cut")), MALFORMED, f"{CORRUPTED}: cut)"),
        (found(replace(ELF, segments=())), MALFORMED, f"{CORRUPTED}: no segments)"),
        (found(replace(ELF, property_fault="bad")), MALFORMED, f"{NOEXEC} (its dynamic loader /ld.so: bad)"),
    ],
)  # fmt: skip
def test_a_loader_that_is_refused(stored: StoredFile, fault: LoadFault, words: str) -> None:
    program = replace(PROGRAM, interpreter="/ld.so")
    told = find_interpreter(Mock(at=Mock(return_value=stored)), Mock(real_path="/bin/x"), program, Surroundings())
    assert isinstance(told, LoadProblem)
    assert (told.fault, told.message) == (fault, words)


@pytest.mark.parametrize("mode", [0o755, 0o100, 0o010, 0o001])
def test_a_loader_that_somebody_may_execute(mode: int) -> None:
    store = Mock(at=Mock(return_value=found(ELF, mode=mode)))
    program = replace(PROGRAM, interpreter="ld.so")
    told = find_interpreter(store, Mock(real_path="/bin/x"), program, Surroundings(working_dir="/work"))
    assert isinstance(told, Interpreter)
    assert (told.path, told.stored.real_path) == ("ld.so", "/lib/ld.so")
    store.at.assert_called_once_with("/work/ld.so")


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        (None, MISSING, "/bin/x: needs libraries and names no dynamic loader (PT_INTERP): it would be started unreloc"),
        ("", MALFORMED, "exec /bin/x: no such file or directory (PT_INTERP, which names its dynamic loader, is empty)"),
    ],
)
def test_a_program_that_names_no_loader(name: str | None, fault: LoadFault, words: str) -> None:
    program = replace(PROGRAM, interpreter=name)
    told = find_interpreter(Mock(), Mock(real_path="/bin/x"), program, Surroundings())
    assert isinstance(told, LoadProblem)
    assert told.fault is fault
    assert told.message.startswith(words)
