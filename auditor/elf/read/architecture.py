"""The machines that container platforms name, and what an ELF file for each looks like."""

from dataclasses import dataclass
from typing import Literal

from auditor.elf.read.file import ElfFile, Machine


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a platform's ELF files have in their headers. `name` is OCI's (Go's GOARCH)."""

    name: str
    machine: int
    bits: Literal[32, 64]
    byte_order: Literal["little", "big"]

    def runs(self, elf: ElfFile) -> bool:
        """Whether a file is for this machine."""
        return (elf.machine, elf.bits, elf.byte_order) == (self.machine, self.bits, self.byte_order)


_KNOWN = {
    architecture.name: architecture
    for architecture in (
        Architecture("386", Machine.I386, 32, "little"),
        Architecture("amd64", Machine.X86_64, 64, "little"),
        Architecture("arm", Machine.ARM, 32, "little"),
        Architecture("arm64", Machine.AARCH64, 64, "little"),
        Architecture("loong64", Machine.LOONGARCH, 64, "little"),
        Architecture("mips64le", Machine.MIPS, 64, "little"),
        Architecture("ppc64", Machine.PPC64, 64, "big"),
        Architecture("ppc64le", Machine.PPC64, 64, "little"),
        Architecture("riscv64", Machine.RISCV, 64, "little"),
        Architecture("s390x", Machine.S390, 64, "big"),
    )
}


def architecture(name: str) -> Architecture | None:
    """The architecture that an image config names; None where its ELF files aren't known."""
    return _KNOWN.get(name)


def describe(elf: ElfFile) -> str:
    """The machine of a file for people: OCI's name where one fits, else what the header says."""
    for known in _KNOWN.values():
        if known.runs(elf):
            return known.name
    return f"{_machine_name(elf.machine)}, {elf.bits} bit, {elf.byte_order}-endian"


def _machine_name(number: int) -> str:
    """What the gABI's list calls a machine that no platform names."""
    from elftools.elf.descriptions import describe_e_machine  # noqa: PLC0415 - 0.1 s, and hardly any image needs it
    from elftools.elf.enums import ENUM_E_MACHINE  # noqa: PLC0415

    names = {value: name for name, value in ENUM_E_MACHINE.items() if isinstance(value, int)}
    name = names.get(number)
    return describe_e_machine(name) if name else f"machine {number}"
