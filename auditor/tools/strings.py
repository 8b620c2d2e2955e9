"""What readers of a program's strings share."""

import re
from collections.abc import Iterable

from auditor.tools.loaded import Loaded

#: What git-describe(1) adds to a release's name.
DESCRIBED = rb"(?:-\d+-g[0-9a-f]{4,40})?"


def whole(strings: Iterable[bytes], pattern: re.Pattern[bytes], group: int = 0) -> tuple[str, ...]:
    """The strings that are all of a pattern, or that group of it, sorted."""
    matches = (pattern.fullmatch(string) for string in strings)
    return tuple(sorted({match[group].decode("ascii") for match in matches if match}))


def text(data: bytes) -> str:
    """Bytes of a program as words."""
    return data.decode("ascii", "replace")


def banner(loaded: Loaded, pattern: re.Pattern[bytes]) -> tuple[re.Match[bytes] | None, frozenset[str]]:
    """The first string that starts like a version banner, and every program that such a string names."""
    texts = sorted(string for string in loaded.strings if b" utility, " in string)
    found = [match for string in texts if (match := pattern.match(string))]
    named = frozenset(text(match["program"]) for match in found if match["program"])
    return (found[0] if found else None), named


def snapshots(loaded: Loaded, pattern: re.Pattern[bytes], prefix: str) -> tuple[str, ...]:
    """The strings that can be a date, as a banner prints them: year, month, day."""
    texts = whole(loaded.strings, pattern)
    return tuple(f"{prefix}{day}" for day in texts if 1 <= int(day[-4:-2]) <= 12 and 1 <= int(day[-2:]) <= 31)
