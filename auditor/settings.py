"""Where options come from when the command line does not give them.

From the strongest to the weakest: the command line; `AUDIT_IMAGE_COMMAND_OPTION`; `AUDIT_IMAGE_OPTION`; the top
level of `audit-image.toml`; `[tool.audit-image]` in `pyproject.toml`. The files are looked for in the working
directory. In a file, an option is written as on the command line without its dashes (`fail-on = "warning"`), and
a table named after a command holds for that command only.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.errors import UsageError

PREFIX = "AUDIT_IMAGE"
FILE = "audit-image.toml"
PROJECT_FILE = "pyproject.toml"
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Setting:
    """One option's value and the place that it came from."""

    value: Any
    origin: str


def read_settings(
    options: Mapping[str, Iterable[str]], folder: Path, environ: Mapping[str, str] | None = None
) -> dict[str, dict[str, Setting]]:
    """The settings of each command, by option name with underscores.

    `options` names every command's options. UsageError where a file is no TOML or names an option that no command
    has, so that a misspelt gate is not silently open.
    """
    environment = os.environ if environ is None else environ
    known = {command: set(names) for command, names in options.items()}
    result: dict[str, dict[str, Setting]] = {command: {} for command in known}
    for origin, table in ((PROJECT_FILE, _project_table(folder)), (FILE, _read(folder / FILE))):
        for key, value in table.items():
            _apply(result, known, origin, key, value)
    for command, names in known.items():
        for name in names:
            for variable in (f"{PREFIX}_{name.upper()}", f"{PREFIX}_{command.upper()}_{name.upper()}"):
                if environment.get(variable):
                    result[command][name] = Setting(environment[variable], variable)
    return result


def _apply(
    result: dict[str, dict[str, Setting]], known: dict[str, set[str]], origin: str, key: str, value: Any
) -> None:
    if isinstance(value, dict):
        if key not in known:
            raise UsageError(f"there is no command '{key}'", origin)
        for name, entry in value.items():
            if name.replace("-", "_") not in known[key]:
                raise UsageError(f"the command {key} has no option '{name}'", origin)
            result[key][name.replace("-", "_")] = Setting(entry, f"{origin} [{key}]")
        return
    name = key.replace("-", "_")
    commands = [command for command, names in known.items() if name in names]
    if not commands:
        raise UsageError(f"there is no option '{key}'", origin)
    for command in commands:
        if not result[command].get(name, Setting(None, "")).origin.startswith(f"{origin} ["):
            result[command][name] = Setting(value, origin)


def _project_table(folder: Path) -> Mapping[str, Any]:
    table = _read(folder / PROJECT_FILE).get("tool", {}).get("audit-image", {})
    if not isinstance(table, dict):
        raise UsageError("[tool.audit-image] is not a table", PROJECT_FILE)
    return table


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"can't read the settings: {error.strerror}", path.name) from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"a settings file is at most {_MAX_BYTES} bytes", path.name)
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not TOML: {error}", path.name) from error
