"""How much one audit may ask of the machine that it runs on: named limits, and what has been used of them.

Limits count work and never time, so that the same input gets the same answer on every machine. Those that an image
of any size may need to pass grow with the bytes of the image as it is stored: an image is allowed the limit itself,
or so much for each stored byte, whichever is more. A limit that the user sets is exact and does not grow.
Past a limit the audit ends with `LimitExceeded`, which names it and the option that raises it.
"""

import threading
from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from auditor.errors import LimitExceeded, UsageError

MIB = 1 << 20
GIB = 1 << 30


class Limits(Struct, frozen=True):
    """The limits by name. Sizes are in bytes; all are of one audit, where not said otherwise."""

    # Reading images
    entries: int = 500_000  # files, directories, links and whiteouts of all layers; of an archive's members
    directories: int = 100_000  # of the merged tree, those that no layer names too
    names: int = 128 * MIB  # paths, link targets and attributes, as they are held in memory
    lookups: int = 10_000_000  # parts of paths that are followed
    uncompressed: int = 2 * GIB  # what all layers (and the archive around them) are inflated to
    kept: int = 2 * GIB  # programs, scripts and databases, spooled to disk
    saved: int = 256 * GIB  # what a daemon sends of an image
    path: int = 4096  # one path or link target: PATH_MAX
    json: int = 8 * MIB  # one manifest, index or config; registries take at most 4 MiB
    json_values: int = 2_000_000  # of one JSON document, saved reports too
    layers: int = 512  # of one image; overlayfs stacks fewer
    index_depth: int = 4  # an index inside an index
    index_entries: int = 1024  # of all nested indexes together
    # Looking into files
    tables: int = 2 * GIB  # ELF headers, sections and tables, each as often as it is read
    symbols: int = 2_000_000  # ELF symbols that are looked up, and those that they are looked for among
    relocations: int = 50_000_000  # ELF relocations that are looked at
    needed: int = 2_000_000  # libraries that a loader is asked for
    database: int = 384 * MIB  # package databases; text counts four times
    packages: int = 50_000  # package records of all databases
    package_files: int = 600_000  # files that packages own
    steps: int = 3_000_000  # of reading and following scripts: bytes, and commands as often as they are come to


DEFAULT = Limits()

# What one stored byte allows beyond the limits above.
_GROWTH = {
    "entries": 1 / 1024,
    "directories": 1 / 4096,
    "names": 1 / 16,
    "lookups": 1 / 16,
    "uncompressed": 30,
    "kept": 30,
    "tables": 2,
    "symbols": 1 / 32,
    "relocations": 1 / 16,
    "package_files": 1 / 2048,
}


#: Is told how many more there are, before they are looked at.
Count = Callable[[int], None]


def uncounted(_: int) -> None:
    """For who bounds them otherwise."""


class Allowance:
    """One limit and what has been used of it. May be drawn from by several threads."""

    __slots__ = ("_growth", "_limit", "_lock", "_name", "_used", "limit")

    def __init__(self, name: str, limit: int, growth: float = 0) -> None:
        self._name = name
        self._limit = limit
        self._growth = growth
        self._lock = threading.Lock()
        self._used = 0
        self.limit = limit

    @property
    def used(self) -> int:
        """How much has been taken."""
        return self._used

    @property
    def left(self) -> int:
        """How much may still be taken."""
        return max(0, self.limit - self._used)

    def take(self, count: int, where: str) -> None:
        """Account for `count` more; LimitExceeded, said of `where`, past the limit."""
        with self._lock:
            self._used += count
        if self._used > self.limit:
            raise exceeded(self._name, self.limit, where)

    def of(self, where: str) -> Count:
        """What draws from it for `where`."""
        return lambda number: self.take(number, where)

    def grow(self, stored: int) -> None:
        """Allow for an image of `stored` bytes."""
        self.limit = max(self._limit, int(stored * self._growth))


def exceeded(name: str, limit: int, where: str) -> LimitExceeded:
    """The error that something is past the limit called `name`."""
    option = name.replace("_", "-")
    words = option.replace("-", " ")
    return LimitExceeded(
        f"asks for more {words} than the limit of {limit}",
        where,
        f"if you trust it, raise the limit with --limit {option}=NUMBER",
    )


class Budget:
    """All limits of one audit, drawn from by whoever works for it: `budget.symbols.take(1000, path)`."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._stored = 0
        self.entries = self._allowance("entries")
        self.directories = self._allowance("directories")
        self.names = self._allowance("names")
        self.lookups = self._allowance("lookups")
        self.uncompressed = self._allowance("uncompressed")
        self.kept = self._allowance("kept")
        self.tables = self._allowance("tables")
        self.symbols = self._allowance("symbols")
        self.relocations = self._allowance("relocations")
        self.needed = self._allowance("needed")
        self.database = self._allowance("database")
        self.packages = self._allowance("packages")
        self.package_files = self._allowance("package_files")
        self.steps = self._allowance("steps")

    def stored(self, count: int) -> None:
        """So many more bytes belong to the image as it is stored: limits that grow with it grow."""
        with self._lock:
            self._stored += count
            for name in _GROWTH:
                getattr(self, name).grow(self._stored)

    def fresh(self) -> "Budget":
        """The same limits for the same image, with nothing used of them: for one platform of several."""
        other = Budget(self.limits)
        other.stored(self._stored)
        return other

    def state(self) -> tuple[int, ...]:
        """Each limit as it is for this image, and what has been used of it."""
        named = (getattr(self, name, None) for name in Limits.__struct_fields__)
        drawn = tuple(number for one in named if isinstance(one, Allowance) for number in (one.limit, one.used))
        return (*(getattr(self.limits, name) for name in Limits.__struct_fields__), *drawn)

    def _allowance(self, name: str) -> Allowance:
        limit: int = getattr(self.limits, name)
        return Allowance(name, limit, _GROWTH.get(name, 0) if limit == getattr(DEFAULT, name) else 0)


def parse_limits(texts: Iterable[str], limits: Limits = DEFAULT) -> Limits:
    """The limits with those replaced that `NAME=NUMBER` texts name; UsageError for any other text."""
    known = [name.replace("_", "-") for name in Limits.__struct_fields__]
    for text in texts:
        name, equals, number = text.partition("=")
        if name not in known:
            raise UsageError(f"there is no limit {name!r}", "--limit", f"the limits are {', '.join(known)}")
        if not equals or not number.isascii() or not number.isdigit() or not 0 < len(number) <= 18:
            raise UsageError(f"{text!r} sets no limit", "--limit", f"write {name}=NUMBER")
        limits = replace(limits, **{name.replace("-", "_"): int(number)})
    return limits


def check_json(data: bytes, where: str, limits: Limits = DEFAULT) -> None:
    """Bound what a JSON document may become in memory, before it is parsed: a value follows each of `[`, `{`, `:`, `,`.

    Bytes inside strings count too, which only makes the bound stricter.
    """
    values = sum(data.count(sign) for sign in (b"[", b"{", b":", b","))
    if values > limits.json_values:
        raise exceeded("json_values", limits.json_values, where)
