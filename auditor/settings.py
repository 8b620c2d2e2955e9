"""Where options come from when the command line does not give them.

From the strongest to the weakest: the command line; `AUDIT_IMAGE_COMMAND_OPTION`; `AUDIT_IMAGE_OPTION`; the top
level of `audit-image.toml`; `[tool.audit-image]` in `pyproject.toml`. The files are those of the nearest folder that
has one of them, from the working directory upwards. In a file, an option is written as on the command line without its
dashes (`fail-on = "warning"`), a table named after a command holds for that command only, and a path is relative to
the file.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.errors import UsageError, did_you_mean
from auditor.files import exists, parse_toml, read_small_file

PREFIX = "AUDIT_IMAGE"
FILE = "audit-image.toml"
PROJECT_FILE = "pyproject.toml"
# Variables of our own that are no options: where the tests keep their images; where facts are kept between runs; what
# `-o needs-sh` sets.
_NO_OPTIONS = ("AUDIT_IMAGE_FIXTURES", "AUDIT_IMAGE_CACHE_DIR", "AUDIT_IMAGE_NEEDS_")
_TYPO_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command: its name with underscores, what it takes (`FILE`, `NAME|FILE`), whether it is a list."""

    name: str
    takes: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """One option's value and the place that it came from."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What was set, by command and option; the files that were read; variables that look like ours and are not."""

    of: Mapping[str, Mapping[str, Setting]]
    files: tuple[Path, ...] = ()
    unknown: tuple[str, ...] = ()

    def command(self, name: str) -> Mapping[str, Setting]:
        """What is set for one command."""
        return self.of.get(name, {})


def read_settings(
    options: Mapping[str, Iterable[Option]], folder: Path, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings of each command.

    `options` says every command's options. UsageError where a file is no TOML or names an option that no command
    has, or a variable is a slip of the pen from one that we know, so that a misspelt gate is not silently open.
    """
    environment = os.environ if environ is None else environ
    reader = _Reader({command: {entry.name: entry for entry in listed} for command, listed in options.items()})
    files = tuple(_files(folder))
    for path, table in files:
        for key, value in table.items():
            reader.add(path, key, value)
    unknown = reader.add_environment(environment)
    return Settings(reader.result, tuple(path for path, _ in files), unknown)


@dataclass
class _Reader:
    known: Mapping[str, Mapping[str, Option]]
    result: dict[str, dict[str, Setting]] = field(init=False)

    def __post_init__(self) -> None:
        self.result = {command: {} for command in self.known}

    def add(self, path: Path, key: str, value: Any) -> None:
        """One entry of a file: an option, or a command's table of options."""
        if isinstance(value, dict):
            if key not in self.known:
                raise UsageError(f"there is no command '{key}'", str(path), did_you_mean(key, self.known))
            for name, entry in value.items():
                option = self.known[key].get(name.replace("-", "_"))
                if option is None:
                    raise UsageError(
                        f"the command {key} has no option '{name}'", str(path), _near(name, self.known[key])
                    )
                self.result[key][option.name] = Setting(_from_file(option, entry, path), f"{path} [{key}]")
            return
        name = key.replace("-", "_")
        commands = [command for command, options in self.known.items() if name in options]
        if not commands:
            raise UsageError(f"there is no option '{key}'", str(path), _near(key, *self.known.values()))
        for command in commands:
            if not self.result[command].get(name, Setting(None, "")).origin.startswith(f"{path} ["):
                self.result[command][name] = Setting(_from_file(self.known[command][name], value, path), str(path))

    def add_environment(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Every variable that is an option; the names that are ours by their look and not by their meaning."""
        meant: dict[str, list[tuple[str, Option]]] = {}
        for command, options in self.known.items():
            for option in options.values():
                meant.setdefault(f"{PREFIX}_{option.name.upper()}", []).append((command, option))
        for command, options in self.known.items():  # after the general ones: these are the stronger
            for option in options.values():
                meant.setdefault(f"{PREFIX}_{command.upper()}_{option.name.upper()}", []).append((command, option))
        for variable, places in meant.items():
            for command, option in places if environ.get(variable) else ():
                text = environ[variable]
                self.result[command][option.name] = Setting(_split(text) if option.many else text, variable)
        strangers = sorted(
            name for name in environ if name.startswith(f"{PREFIX}_") and not name.startswith(_NO_OPTIONS)
        )
        unknown = tuple(name for name in strangers if name not in meant)
        for name in unknown:
            near = min(meant, key=lambda variable: (_distance(name, variable), variable), default="")
            if near and _is_slip(name.removeprefix(f"{PREFIX}_"), near.removeprefix(f"{PREFIX}_")):
                raise UsageError("there is no such setting", name, f"did you mean {near}?")
        return unknown


def _near(name: str, *commands: Mapping[str, Option]) -> str:
    """The option of these commands that a file may mean, as it is written there."""
    return did_you_mean(name, {option.replace("_", "-") for options in commands for option in options})


def _files(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The files of the nearest folder that has one, the weaker first."""
    for place in (folder, *folder.parents):
        found = []
        project = place / PROJECT_FILE
        if exists(project) and (table := _project_table(project)) is not None:
            found.append((project, table))
        if exists(place / FILE):
            found.append((place / FILE, _read(place / FILE)))
        if found:
            yield from found
            return


def _project_table(path: Path) -> Mapping[str, Any] | None:
    """Our part of another tool's file; None where it has none."""
    tool = _read(path).get("tool", {})
    table = tool.get("audit-image") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UsageError("[tool.audit-image] is not a table", str(path))
    return table


def _read(path: Path) -> Mapping[str, Any]:
    data = read_small_file(path, "the settings")
    if path.name == PROJECT_FILE and b"audit-image" not in data:
        return {}  # other tools' file: whatever is in it is not for us to judge
    return parse_toml(data, "the settings file", str(path))


def _from_file(option: Option, value: Any, path: Path) -> Any:
    """A value as the command line takes it: lists as lists, paths from where the file lies."""
    if option.many:
        values = _split(value) if isinstance(value, str) else value
        if not isinstance(values, list):
            raise UsageError(f"'{option.name.replace('_', '-')}' is a list", str(path))
        return [_placed(option, entry, path.parent) for entry in values]
    return _placed(option, value, path.parent)


def _placed(option: Option, value: Any, folder: Path) -> Any:
    if not isinstance(value, str):
        return value
    head, separator, tail = value.partition("=")
    match option.takes:
        case "FILE":
            return str(folder / value)
        case "NAME|FILE" if "/" in value or value.endswith(".toml"):
            return str(folder / value)
        case "FORMAT[=FILE]" if separator and tail != "-":
            return f"{head}={folder / tail}"
        case _:
            return value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_slip(name: str, known: str) -> bool:
    """Within two letters; of a short name less, or every short word would be taken for `CA`."""
    return _distance(name, known) <= min(_TYPO_LETTERS, len(known) // 3)


def _distance(left: str, right: str) -> int:
    """Letters to add, drop, change or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        following = [i]
        for j, b in enumerate(right, start=1):
            best = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            following.append(best)
        before, row = row, following
    return row[-1]
