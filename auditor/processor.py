"""Levels of processors: which machines a program runs on, by the names that toolchains and distributions use.

`x86-64-v2` is the x86-64 psABI's ("Micro-Architecture Levels"), `power9` and `z14` are glibc's hwcaps names,
`armv8.1` is the architecture's own, `rva22u64` the RISC-V profiles'.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from auditor.errors import UsageError

# Each level has all of the ones before it. The first is what every machine of the platform has.
_LADDERS: dict[str, tuple[str, ...]] = {
    "386": ("i686", "sse2"),
    "amd64": ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"),
    "arm": ("armv5", "armv6", "armv7"),
    "arm64": (*(f"armv8.{minor}" for minor in range(10)), *(f"armv9.{minor}" for minor in range(6))),
    "ppc64le": ("power8", "power9", "power10", "power11"),
    "riscv64": ("rva20u64", "rva22u64", "rva23u64"),
    "s390x": ("z196", "zEC12", "z13", "z14", "z15", "z16", "z17"),
}
_ARM = re.compile(r"armv([89])\.(\d)")


# The flags of /proc/cpuinfo that each level adds (x86-64 psABI, table "Micro-Architecture Levels"; `abm` is LZCNT, and
# Linux shows `avx` only where the system saves its registers, OSXSAVE).
_FLAGS: dict[str, tuple[tuple[str, str], ...]] = {
    "amd64": (
        ("x86-64-v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"),
        ("x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe"),
        ("x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"),
    ),
    "386": (("sse2", "sse2"),),
}
_POWER = re.compile(r"POWER(\d+)", re.IGNORECASE)
# The machine types of IBM Z, as binutils and GCC's -march=native know them.
_MACHINES = {
    **dict.fromkeys(("2817", "2818"), "z196"),
    **dict.fromkeys(("2827", "2828"), "zEC12"),
    **dict.fromkeys(("2964", "2965"), "z13"),
    **dict.fromkeys(("3906", "3907"), "z14"),
    **dict.fromkeys(("8561", "8562"), "z15"),
    **dict.fromkeys(("3931", "3932"), "z16"),
    **dict.fromkeys(("9175", "9176"), "z17"),
}


class Seen(Struct, frozen=True):
    """The level of a processor that was looked at; "" where `reason` says why it isn't known."""

    level: str = ""
    reason: str = ""


def levels(architecture: str) -> tuple[str, ...]:
    """The levels of a platform's architecture, the least first; empty where none are known."""
    return _LADDERS.get(architecture, ())


def architecture_of(level: str) -> str:
    """Whose level this is: a name is one architecture's alone. "" for a level that isn't known."""
    return next((name for name, ladder in _LADDERS.items() if level in ladder), "")


def check_level(architecture: str, level: str, where: str) -> None:
    """Raise UsageError where `level` is none of the architecture's."""
    known = levels(architecture)
    if not known:
        raise UsageError(
            f"no levels of processors are known for {architecture!r}", where, f"known: {', '.join(_LADDERS)}"
        )
    if level not in known:
        raise UsageError(f"{architecture} has no level {level!r}", where, f"it has {', '.join(known)}")


def parse_floors(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """`ARCH=LEVEL`, several also with commas, checked; UsageError where one is none."""
    pairs = [tuple(word.strip().partition("=")[::2]) for text in texts for word in text.split(",") if word.strip()]
    for architecture, level in pairs:
        check_level(architecture, level, f"--cpu {architecture}={level}")
    return tuple(pairs)  # type: ignore[arg-type]  # partition gives three


def baseline(architecture: str) -> str:
    """What every machine of the architecture has; "" where that isn't known."""
    return next(iter(levels(architecture)), "")


def is_beyond(architecture: str, needed: str, available: str) -> bool:
    """Whether a processor of the level `available` may lack something of `needed`. False for a level of no ladder."""
    ladder = levels(architecture)
    if needed not in ladder or available not in ladder:
        return False
    arm = _ARM.fullmatch(needed), _ARM.fullmatch(available)
    if arm[0] and arm[1] and arm[0][1] != arm[1][1]:
        # ARMv9.N has what ARMv8.(N+5) has (Arm ARM, "Armv9 architecture"), and no ARMv8 has all of ARMv9.
        return arm[0][1] == "9" or int(arm[0][2]) > int(arm[1][2]) + 5
    return ladder.index(needed) > ladder.index(available)


def seen_as(machine: str, level: str, architecture: str) -> str:
    """The level that a machine's processor has for programs of `architecture`; "" where it isn't known.

    A 64-bit machine that runs programs of its 32-bit forerunner has the highest of that one's levels.
    """
    if not level or machine == architecture:
        return level
    return {("amd64", "386"): "sse2", ("arm64", "arm"): "armv7"}.get((machine, architecture), "")


def order(architecture: str, level: str) -> int:
    """A number that grows with the level; -1 for one that isn't known."""
    ladder = levels(architecture)
    return ladder.index(level) if level in ladder else -1


def highest(architecture: str, levels: Iterable[str], default: str = "") -> str:
    """The one that asks for most; `default` of none."""
    return max(levels, key=lambda level: order(architecture, level), default=default)


def level_of(architecture: str, cpuinfo: str) -> Seen:
    """The level that lines of /proc/cpuinfo show, of processors that differ the least one's."""
    found: dict[str, list[str]] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip().lower(), []).append(value.strip())
    if architecture in _FLAGS:
        told = [_by_flags(architecture, frozenset(line.split())) for line in found.get("flags", ())]
    elif architecture == "ppc64le":
        told = [f"power{match[1]}" for line in found.get("cpu", ()) if (match := _POWER.search(line))]
    elif architecture == "s390x":
        told = [_MACHINES.get(line, "") for line in found.get("machine", ())]
    else:
        return Seen("", f"/proc/cpuinfo of {architecture or 'it'} does not tell its level; name it with --cpu")
    if not told:
        return Seen("", "the facts hold no line of /proc/cpuinfo that tells it")
    least = min(told, key=lambda level: order(architecture, level))
    return Seen(least) if least in levels(architecture) else Seen("", "a processor that is not known here")


def _by_flags(architecture: str, flags: frozenset[str]) -> str:
    level = baseline(architecture)
    for name, needed in _FLAGS[architecture]:
        if not flags.issuperset(needed.split()):
            break
        level = name
    return level
