"""Kept texts that were read line by line: each part after a line `== name`."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path


@cache
def kept(file: Path) -> dict[str, list[str]]:
    """The lines of each part, by its name."""
    _, *parts = f"\n{file.read_text(encoding='utf-8')}".split("\n== ")
    return {name: lines for name, *lines in (part.removesuffix("\n").split("\n") for part in parts)}


def keep(file: Path, parts: Mapping[str, Callable[[], Iterable[str]]]) -> None:
    """Write it anew; the difference is to be read."""
    told = ("".join(f"{line}\n" for line in (f"== {name}", *made())) for name, made in parts.items())
    file.write_text("".join(told), encoding="utf-8")
