"""The machines that programs, packages and kernels are built for: every name of one, in one table.

A machine's *name* is that of OCI platforms, which is Go's GOARCH (OCI image specification, "platform").
"""

import enum
from typing import Literal, Protocol

from msgspec import Struct

ByteOrder = Literal["little", "big"]


class Machine(enum.IntEnum):
    """e_machine of the architectures that container platforms name (gABI, "ELF Header")."""

    I386 = 3
    MIPS = 8
    PPC = 20
    PPC64 = 21
    S390 = 22
    ARM = 40
    X86_64 = 62
    AARCH64 = 183
    RISCV = 243
    LOONGARCH = 258


class Target(Protocol):
    """What the head of an ELF file says of the machine it is for."""

    @property
    def machine(self) -> int:
        """e_machine."""

    @property
    def bits(self) -> Literal[32, 64]:
        """The size of an address, from EI_CLASS."""

    @property
    def byte_order(self) -> ByteOrder:
        """EI_DATA."""


class Architecture(Struct, frozen=True):
    """One machine: what its ELF files have in their headers, and what others call it.

    `aliases` are the names of dpkg, RPM, apk and `uname -m`; `also_runs` the architectures whose programs its kernel
    runs beside its own.
    """

    name: str
    machine: int
    bits: Literal[32, 64]
    byte_order: ByteOrder
    aliases: tuple[str, ...] = ()
    also_runs: tuple[str, ...] = ()

    def runs(self, elf: Target) -> bool:
        """Whether a file is for this machine."""
        return (elf.machine, elf.bits, elf.byte_order) == (self.machine, self.bits, self.byte_order)


KNOWN = (
    Architecture("386", Machine.I386, 32, "little", ("i386", "i486", "i586", "i686", "x86")),
    Architecture("amd64", Machine.X86_64, 64, "little", ("x86_64", "x86-64"), ("386",)),
    Architecture("arm", Machine.ARM, 32, "little", ("armhf", "armel", "armv6l", "armv7", "armv7l", "armv7hl")),
    Architecture("arm64", Machine.AARCH64, 64, "little", ("aarch64",), ("arm",)),
    Architecture("loong64", Machine.LOONGARCH, 64, "little", ("loongarch64",)),
    Architecture("mips", Machine.MIPS, 32, "big"),
    Architecture("mips64", Machine.MIPS, 64, "big"),
    Architecture("mips64le", Machine.MIPS, 64, "little", ("mips64el",)),
    Architecture("mipsle", Machine.MIPS, 32, "little", ("mipsel",)),
    Architecture("ppc", Machine.PPC, 32, "big", ("powerpc",)),
    Architecture("ppc64", Machine.PPC64, 64, "big", ("powerpc64",)),
    Architecture("ppc64le", Machine.PPC64, 64, "little", ("ppc64el", "powerpc64le")),
    Architecture("riscv64", Machine.RISCV, 64, "little"),
    Architecture("s390", Machine.S390, 32, "big"),
    Architecture("s390x", Machine.S390, 64, "big"),
)
_BY_NAME = {known.name: known for known in KNOWN}
_NAMES = {name: known.name for known in KNOWN for name in (known.name, *known.aliases)}
_BY_HEADER = {(known.machine, known.bits, known.byte_order): known for known in KNOWN}


def architecture(name: str) -> Architecture | None:
    """The architecture that an image config names; None where its ELF files aren't known."""
    return _BY_NAME.get(name)


def oci_name(name: str) -> str:
    """OCI's name of what dpkg, RPM, apk or `uname -m` call `name`; "" for what isn't known, or belongs to no machine
    (`all`, `noarch`).
    """
    return _NAMES.get(name, "")


def built_for(machine: int, bits: Literal[32, 64], byte_order: ByteOrder) -> str:
    """OCI's name of the machine of an ELF header; "" where no platform has one."""
    known = _BY_HEADER.get((machine, bits, byte_order))
    return "" if known is None else known.name


def describe(elf: Target) -> str:
    """The machine of a file for people: OCI's name where one fits, else what the header says."""
    name = built_for(elf.machine, elf.bits, elf.byte_order)
    return name or f"{_machine_name(elf.machine)}, {elf.bits} bit, {elf.byte_order}-endian"


def _machine_name(number: int) -> str:
    """What the gABI's list calls a machine that no platform names; its number where the list is too short."""
    from elftools.elf.descriptions import describe_e_machine  # noqa: PLC0415 - slow, and hardly any image needs it
    from elftools.elf.enums import ENUM_E_MACHINE  # noqa: PLC0415

    name = next((name for name, value in ENUM_E_MACHINE.items() if value == number), None)
    if name is None:
        return f"machine {number}"
    described: str = describe_e_machine(name)
    return f"machine {number} ({name})" if described == "<unknown>" else described
