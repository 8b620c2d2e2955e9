"""What is fuzzed: a reader, and what it begins with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """One reader. `read` may raise AuditError and nothing else, whatever the bytes are.

    `seeds` makes small sound inputs; `json` says that they are JSON, to be damaged by its values too.
    """

    read: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    json: bool = False
    longest: int = 4096  # bytes of an input
