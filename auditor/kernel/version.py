"""Kernel releases (`uname -r`) as versions that can be compared."""

import re

from auditor.errors import UsageError

Version = tuple[int, ...]

#: What a release may look like: it names directories and is printed in reports.
RELEASE = re.compile(r"[0-9]+\.[0-9][0-9A-Za-z._+~-]{0,127}")

_NUMBERS = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})(?:\.([0-9]{1,5}))?")


def release_version(release: str) -> Version:
    """The three numbers that a release starts with, `()` where it starts with none: `6.1.0-50-amd64` is (6, 1, 0).

    Distributions count the third number as they like (Debian's 6.1.0-50 is 6.1.176): below the minor version only
    a config's own header tells.
    """
    match = _NUMBERS.match(release)
    return () if match is None else tuple(int(part or 0) for part in match.groups())


def parse_version(text: str) -> Version:
    """A version written by a person, `3.10` or `2.6.32`; "" is `()`. UsageError for anything else."""
    if not text:
        return ()
    if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}", text) is None:
        raise UsageError(f"'{text}' is not a kernel version", "", "write it as 5.10 or 2.6.32")
    return tuple(int(part) for part in text.split("."))


def at_least(version: Version, minimum: Version) -> bool:
    """Whether `version` reaches `minimum`; numbers that are not written count as 0, and no minimum is reached."""
    width = max(len(version), len(minimum))
    return _padded(version, width) >= _padded(minimum, width)


def version_text(version: Version) -> str:
    """`(6, 1, 0)` as `6.1.0`."""
    return ".".join(map(str, version))


def _padded(version: Version, width: int) -> Version:
    return version + (0,) * (width - len(version))
