"""The rooms of the house and their order: the one place that says which room may know of which."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "auditor"

# From the street to the back: a room may import from its own line and from those above it, never from below.
# Rooms of one line don't know of each other.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors", "events", "family", "filetree", "kept", "machine", "schema", "severity"),
    ("finding",),
    ("budget", "processor"),
    ("archive", "cache", "files"),
    ("settings", "spec"),
    ("elf", "packages"),
    ("image", "tools"),
    ("kernel", "process"),
    ("inventory",),
    ("report",),
    ("rules",),
    ("auditing",),
    ("sweep",),
    ("cli",),
    ("__main__",),
)
PLACE = {room: place for place, line in enumerate(ORDER) for room in line}
LARGEST_SHARE = 0.20


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement of a module of the package."""

    file: Path
    line: int
    target: str

    @property
    def rooms(self) -> tuple[str, str]:
        """The room that imports and the one that is imported from."""
        return room_of(self.file), self.target.split(".")[1]


def room_of(file: Path) -> str:
    """The room that a file of the package is in: its folder, or its own name."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files() -> Iterator[Path]:
    """Every module of the rooms; the package's own `__init__` is its front door and belongs to none."""
    return (file for file in sorted(PACKAGE.rglob("*.py")) if file != PACKAGE / "__init__.py")


@cache
def imports() -> tuple[Import, ...]:
    """Every import of one room's module from another room."""
    found = (entry for file in files() for entry in _imports(file))
    return tuple(entry for entry in found if len(set(entry.rooms)) == 2)


def lines() -> dict[str, int]:
    """The lines of each room."""
    result: dict[str, int] = {}
    for file in files():
        result[room_of(file)] = result.get(room_of(file), 0) + file.read_text().count("\n")
    return result


def _imports(file: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(file.read_text())):
        for target in _targets(node):
            if target.startswith("auditor."):
                yield Import(file, getattr(node, "lineno", 0), target)


def _targets(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom("auditor", names):
            yield from (f"auditor.{alias.name}" for alias in names)
        case ast.ImportFrom(str() as module, _):
            yield module
