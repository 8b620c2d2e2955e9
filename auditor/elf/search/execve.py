"""What the kernel does with an ELF program before its loader runs (execve(2), elf(5), the kernel's binfmt_elf.c)."""

from msgspec import Struct

from auditor.elf.model import LoadFault, LoadProblem
from auditor.elf.read.file import ElfFile, FileType, NotElf, Rest, as_mapped
from auditor.elf.search.environment import Surroundings
from auditor.elf.search.loader import as_loader
from auditor.elf.search.store import FileStore, StoredFile
from auditor.filetree import FileKind
from auditor.machine import Architecture, describe

_NOEXEC = "exec format error"
_CORRUPTED = "accessing a corrupted shared library"
_ANY_EXECUTE = 0o111


class Interpreter(Struct, frozen=True):
    """The loader that the kernel maps beside a program."""

    path: str
    stored: StoredFile
    elf: ElfFile


def program_problem(stored: StoredFile, machine: Architecture | None) -> LoadProblem | None:
    """Why the kernel would not start this file at all."""
    path, elf = stored.real_path, stored.elf
    if elf is None or isinstance(elf, NotElf):
        reason = "no regular file" if elf is None else elf.reason
        return LoadProblem(LoadFault.ELF_MALFORMED, path, "", f"exec {path}: {_NOEXEC} ({reason})")
    if machine is not None and not machine.runs(elf):
        message = f"exec {path}: {_NOEXEC} (it is for {describe(elf)}, the platform is {machine.name})"
        return LoadProblem(LoadFault.ARCHITECTURE_MISMATCH, path, describe(elf), message)
    reason = elf.fault or elf.interpreter_fault or ("" if elf.interpreter is not None else elf.property_fault)
    if elf.type not in (FileType.DYN, FileType.EXEC) or not elf.segments:
        reason = reason or "it is no program"
    if reason:
        return LoadProblem(LoadFault.ELF_MALFORMED, path, "", f"exec {path}: {_NOEXEC} ({reason})")
    return None


def find_interpreter(
    store: FileStore, program: StoredFile, elf: ElfFile, around: Surroundings
) -> Interpreter | LoadProblem:
    """The loader at PT_INTERP, or why the kernel would refuse it. The program must have needs or a PT_INTERP."""
    path = program.real_path
    name = elf.interpreter
    if name is None:
        message = f"{path}: needs libraries and names no dynamic loader (PT_INTERP): it would be started unrelocated"
        return LoadProblem(LoadFault.INTERPRETER_MISSING, path, "", message)
    if not name:
        message = f"exec {path}: no such file or directory (PT_INTERP, which names its dynamic loader, is empty)"
        return LoadProblem(LoadFault.ELF_MALFORMED, path, "", message)
    stored = store.at(around.absolute(name))
    node = stored.node
    if node is None:
        message = f"exec {path}: no such file or directory (its dynamic loader {name} is not in the image)"
        return LoadProblem(LoadFault.INTERPRETER_MISSING, path, name, message)
    if node.kind is not FileKind.REGULAR or not node.mode & _ANY_EXECUTE:
        message = f"exec {path}: permission denied (its dynamic loader {name} can't be executed)"
        return LoadProblem(LoadFault.INTERPRETER_MISSING, path, name, message)
    if stored.elf is None or isinstance(stored.elf, NotElf):
        message = f"exec {path}: {_CORRUPTED} (its dynamic loader {name} is no ELF file)"
        return LoadProblem(LoadFault.INTERPRETER_MISSING, path, name, message)
    assert node.content is not None  # an ElfFile was read from it
    loader = as_loader(node.content, as_mapped(node.content, stored.elf, Rest.PAGE))
    if loader.machine != elf.machine or loader.bits != elf.bits or loader.byte_order != elf.byte_order:
        message = f"exec {path}: {_CORRUPTED} (its dynamic loader {name} is for {describe(loader)})"
        return LoadProblem(LoadFault.ARCHITECTURE_MISMATCH, stored.real_path, name, message)
    if loader.fault is not None or not loader.segments:
        message = f"exec {path}: {_CORRUPTED} (its dynamic loader {name}: {loader.fault or 'no segments'})"
        return LoadProblem(LoadFault.ELF_MALFORMED, stored.real_path, name, message)
    if loader.property_fault:
        message = f"exec {path}: {_NOEXEC} (its dynamic loader {name}: {loader.property_fault})"
        return LoadProblem(LoadFault.ELF_MALFORMED, stored.real_path, name, message)
    return Interpreter(name, stored, loader)
