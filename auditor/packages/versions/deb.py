"""Versions as dpkg writes and orders them (deb-version(7)); opkg's are the same."""

import re
from itertools import zip_longest

from auditor.packages.versions.order import epoch, first, number, sign

# What distributions append to an upstream version that they repacked or patched without a revision of its own:
# Debian Policy 3.2.1 and the Developer's Reference 5.11, 6.7.8.2 (+dfsg, +ds, +debNuM, +nmuN, ~bpoN), Ubuntu's ubuntuN,
# buildN. `~rc1`, `+git20181103.0eebece` and the like are upstream's own and stay.
_DEBIAN_SUFFIX = re.compile(
    r"(?:[+~.-]?(?:dfsg|ds|repack)[\d.]*|[+~]deb\d+u\d+|\+nmu\d+|~bpo[\d.]+\+\d+|~deb\d+u\d+|\+b\d+"
    r"|ubuntu[\d.]+|build\d+)$",
    re.ASCII,
)
_REALLY = re.compile(r"\+really(?=\d)")
_LONGEST = 256  # a longer version is nobody's; it is left as it is


def upstream(version: str) -> str:
    """`1:1.8.9+dfsg-2+deb12u1` is 1.8.9 (deb-version(7): epoch, upstream, revision after the last hyphen).

    `2.0+really1.9-1` is 1.9: the archive needed a higher number for an older release.
    """
    if len(version) > _LONGEST:
        return version
    stripped = version.partition(":")[2] if ":" in version else version
    if "-" in stripped:
        stripped = stripped.rpartition("-")[0]
    stripped = _REALLY.split(stripped)[-1]
    while (shorter := _DEBIAN_SUFFIX.sub("", stripped)) != stripped:
        if not shorter:
            return stripped
        stripped = shorter
    return stripped


def compare(left: str, right: str) -> int:
    """Below 0 where `left` is older, 0 where they are equal, above 0 where it is newer.

    By epoch, then upstream version, then revision.
    """
    if order := sign(epoch(left), epoch(right)):
        return order
    return first(_part(*parts) for parts in zip(_parts(left), _parts(right), strict=True))


def _parts(version: str) -> tuple[str, str]:
    stripped = version.partition(":")[2] if ":" in version else version
    head, _, revision = stripped.rpartition("-")
    return (head, revision) if head else (revision, "")


def _part(left: str, right: str) -> int:
    """Alternately what is no digit, by its own alphabet, and numbers."""
    left_parts, right_parts = (re.findall(r"(\D*)(\d*)", part) for part in (left, right))
    for (left_text, left_number), (right_text, right_number) in zip_longest(
        left_parts, right_parts, fillvalue=("", "")
    ):
        for one, other in zip_longest(left_text, right_text, fillvalue=""):
            if order := sign(_letter(one), _letter(other)):
                return order
        if order := sign(number(left_number), number(right_number)):
            return order
    return 0


def _letter(char: str) -> tuple[int, str]:
    """`~` before the end, the end before letters, letters before everything else."""
    if char == "~":
        return (-1, "")
    if not char:
        return (0, "")
    return (1, char) if char.isalpha() else (2, char)
