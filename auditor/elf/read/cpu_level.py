"""The processor that an object needs, where its bytes say so: marks, a loader's own check, and Go's settings.

Marks are the x86-64 psABI's GNU_PROPERTY_X86_ISA_1_NEEDED. A C library that is built for a newer processor checks it
before all else and says which (glibc's dl-hwcap-check.h of each machine). Go's toolchain writes down the processor
that it compiled for (`go help environment`). What BTI, PAC and outline atomics mark is no floor: they run everywhere.
"""

import re

from msgspec import Struct

from auditor.elf.read.file import ElfFile
from auditor.elf.read.go_build import GoBuild

_X86_LEVELS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")  # bits 0 to 3 of the property
#: What a glibc from 2.33 on says where a mark is beyond the processor, at the start of any program.
CHECKS_MARKS = b"CPU ISA level is lower than required"
_X86_CHECK = re.compile(rb"Fatal glibc error: CPU does not support x86-64-v([2-4]|%d)")
_OTHER_CHECK = re.compile(
    rb"Fatal glibc error: CPU lacks [ -~]{1,40} support \((POWER ?\d{1,2}|z\d{2}) or later required\)"
)
_GO_PROFILE = re.compile(r"[a-z0-9]{1,16}")  # power9, rva23u64
_GO_VERSION = re.compile(r"v([89])\.(\d)")


class CpuNeed(Struct, frozen=True):
    """A level, and the words or mark that ask for it. `enforced`: what starts the program refuses less."""

    level: str
    evidence: str
    enforced: bool


def marked_need(elf: ElfFile, *, checked: bool) -> CpuNeed | None:
    """The level that an object is marked with; `checked` where its loader compares marks with the processor."""
    bits = elf.x86_isa_needed & 0xF
    if not bits:
        return None
    return CpuNeed(_X86_LEVELS[bits.bit_length() - 1], "GNU_PROPERTY_X86_ISA_1_NEEDED", checked)


def built_in_need(data: bytes, elf: ElfFile) -> CpuNeed | None:
    """What a loader, or a program with glibc inside, checks for itself before all else."""
    found = _X86_CHECK.search(data)
    if found:
        # Newer sources print the number; which it is then shows in the loader's own mark, and v2 is the least.
        marked = marked_need(elf, checked=True)
        if found[1].isdigit():
            return CpuNeed(f"x86-64-v{found[1].decode()}", found[0].decode(), enforced=True)
        return CpuNeed(marked.level if marked else "x86-64-v2", found[0].decode(), enforced=True)
    needs = [(match[1].decode().replace(" ", "").lower(), match[0].decode()) for match in _OTHER_CHECK.finditer(data)]
    if not needs:
        return None
    level, words = max(needs, key=lambda need: int(re.sub(r"\D", "", need[0])))
    return CpuNeed(level, words, enforced=True)


def go_need(build: GoBuild) -> CpuNeed | None:
    """The level that a Go program is compiled for; None where its build doesn't say."""
    for name, value in sorted(build.settings.items()):
        level = _go_level(name, value)
        if level:
            return CpuNeed(level, f"{name}={value}", enforced=True)
    return None


def _go_level(name: str, value: str) -> str:
    first = value.partition(",")[0]
    if name == "GOAMD64" and re.fullmatch(r"v[1-4]", value):
        return _X86_LEVELS[int(value[1]) - 1]
    if name == "GOARM64" and (version := _GO_VERSION.fullmatch(first)):
        # Large-system extensions without a check are part of every ARMv8.1.
        level = f"armv{version[1]}.{version[2]}"
        return "armv8.1" if level == "armv8.0" and "lse" in value.split(",") else level
    if name == "GOARM" and first in ("5", "6", "7"):
        return f"armv{first}"
    if name == "GO386":
        return "sse2" if value == "sse2" else "i686"
    if name in ("GOPPC64", "GORISCV64") and _GO_PROFILE.fullmatch(value):
        return value
    return ""
