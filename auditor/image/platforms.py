"""Which image of several platforms is meant.

Names are normalised and variants compared as containerd's `platforms` package does; of `OnlyStrict` and `Only` it is
the former: an audit of arm64 never takes an image for arm, though a machine might run it.
"""

import platform as host
import re

from auditor.errors import UsageError
from auditor.image.model import Platform
from auditor.machine import oci_name

_IMPLIED = {"armhf": "v7", "armel": "v6", "armv7l": "v7", "armv6l": "v6"}
_WORD = re.compile(r"[A-Za-z0-9_.-]+")


def parse_platform(text: str) -> Platform:
    """`os/arch[/variant]`, or an architecture alone for Linux; UsageError for anything else."""
    parts = text.split("/")
    if not 1 <= len(parts) <= 3 or not all(_WORD.fullmatch(part) for part in parts):
        raise UsageError(f"{text!r} is no platform", remedy="write os/arch[/variant], such as linux/arm64")
    if len(parts) == 1:
        parts.insert(0, "linux")
    return normalise(Platform(*parts))


def normalise(platform: Platform) -> Platform:
    """Lower case, Go's names, and no variant where it is the architecture's first."""
    architecture = platform.architecture.lower()
    variant = platform.variant.lower() or _IMPLIED.get(architecture, "")
    architecture = oci_name(architecture) or architecture
    if architecture.startswith("armv"):
        architecture, variant = "arm", variant or f"v{architecture[4:5]}"
    if variant.isdigit():
        variant = f"v{variant}"
    if (architecture, variant) in (("arm64", "v8"), ("amd64", "v1")):
        variant = ""
    if architecture == "arm" and not variant:
        variant = "v7"
    operating_system = {"macos": "darwin"}.get(platform.os.lower(), platform.os.lower())
    return Platform(operating_system, architecture, variant)


def host_platform() -> Platform:
    """What images run on this machine; always Linux, as containers are."""
    return normalise(Platform("linux", host.machine()))


def fitness(wanted: Platform, offered: Platform) -> int | None:
    """How far `offered` is below `wanted`, 0 where it is the same; None where it does not do.

    A variant below the wanted one does (v6 for arm/v7), one above does not.
    """
    wanted, offered = normalise(wanted), normalise(offered)
    if (wanted.os, wanted.architecture) != (offered.os, offered.architecture):
        return None
    if wanted.variant == offered.variant:
        return 0
    first = {"arm64": "v8", "amd64": "v1"}.get(wanted.architecture, "")
    have, need = _level(offered.variant or first), _level(wanted.variant or first)
    return None if have is None or need is None or have > need else need - have


def _level(variant: str) -> int | None:
    """`v8.2` is 802."""
    match = re.fullmatch(r"v(\d{1,3})(?:\.(\d{1,2}))?", variant)
    return None if match is None else int(match[1]) * 100 + int(match[2] or 0)
