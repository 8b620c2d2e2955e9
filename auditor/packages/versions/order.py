"""What the package managers' orders are made of."""

from collections.abc import Iterable
from typing import Any


def epoch(version: str) -> tuple[int, str]:
    """The number before a colon, zero where there is none."""
    digits, colon, _ = version.partition(":")
    return number(digits if colon and digits.isascii() and digits.isdecimal() else "")


def number(digits: str) -> tuple[int, str]:
    """A number of any length, as something that sorts like it; no digits are zero."""
    significant = digits.lstrip("0")
    return (len(significant), significant)


def sign(left: Any, right: Any) -> int:
    """Below 0, 0, or above 0, as `left` sorts before, with or after `right`."""
    return int(left > right) - int(left < right)


def first(orders: Iterable[int]) -> int:
    """The first that decides; 0 where none does."""
    return next((order for order in orders if order), 0)
