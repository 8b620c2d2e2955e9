"""What a machine's CPU adds to a search: the subdirectories that glibc looks into first (ld.so(8), "HARDWARE")."""

from itertools import compress, product

from msgspec import Struct

from auditor.elf.search.loader import LoaderProfile

_TLS = 1 << 63
# Bits of a legacy hwcap mask in ld.so.cache on x86-64 (glibc's dl-procinfo.h).
_MASK_BITS = {"x86_64": 1 << 1, "avx512_1": 1 << 2, "haswell": 1 << 50, "xeon_phi": 1 << 51}
HWCAPS_DIRECTORY = "glibc-hwcaps"


class Cpu(Struct, frozen=True):
    """A kind of machine. `level` names it ("" the plainest); directories are relative, in search order."""

    level: str
    hwcaps: tuple[str, ...]  # glibc-hwcaps levels it supports, best first
    legacy: tuple[str, ...]  # subdirectories of before glibc 2.37
    mask: int  # legacy hwcap bits of cache entries that it accepts
    platform: str  # $PLATFORM; "" where it isn't known

    @property
    def subdirectories(self) -> tuple[str, ...]:
        """All of them, without the directory itself."""
        return (*(f"{HWCAPS_DIRECTORY}/{level}" for level in self.hwcaps), *self.legacy)


def plain_cpu(profile: LoaderProfile) -> Cpu:
    """The least that every machine of the architecture has."""
    return Cpu("", (), _legacy(profile, ""), _mask(profile, ""), profile.platform)


def better_cpus(profile: LoaderProfile) -> tuple[Cpu, ...]:
    """The machines that search more, from the least to the best."""
    legacy, mask = _legacy(profile, ""), _mask(profile, "")
    named = tuple(
        Cpu(name, (), _legacy(profile, name), _mask(profile, name), _platform(profile, name)) for name in profile.cpus
    )
    levels = tuple(
        Cpu(level, profile.hwcaps[number:], legacy, mask, profile.platform)
        for number, level in reversed(list(enumerate(profile.hwcaps)))
    )
    return (*named, *levels)


def _platform(profile: LoaderProfile, name: str) -> str:
    """glibc renames the platform for some CPUs of x86-64 (its cpu-features.c)."""
    if profile.platform != "x86_64":
        return profile.platform
    return "haswell" if name == "avx512_1" else name


def _mask(profile: LoaderProfile, name: str) -> int:
    if not profile.legacy_always:
        return 0
    bits = _MASK_BITS if profile.platform in _MASK_BITS else {}
    return _TLS | bits.get(profile.platform, 0) | bits.get(name, 0)


def _legacy(profile: LoaderProfile, name: str) -> tuple[str, ...]:
    """Every combination of the names, nested in this order, more names first (`_dl_important_hwcaps`)."""
    if not profile.legacy_always:
        return ()
    platform = profile.platform
    names = [*profile.legacy_always]
    if name == "avx512_1":
        names = ["tls", "haswell", name, platform]
    elif name and platform == "x86_64":
        names = ["tls", name, platform]
    elif name:
        names = [*profile.legacy_always, name]
    elif platform == "x86_64":
        names = ["tls", platform, platform]  # both the platform's and a capability's name
    combinations = ("/".join(compress(names, chosen)) for chosen in product((True, False), repeat=len(names)))
    return tuple(dict.fromkeys(combination for combination in combinations if combination))
