"""Between the commands' options and the settings: what may be set, and from where a value came."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditor.errors import UsageError
from auditor.settings import Option, Setting, Settings, read_settings

# What a run says, and what it costs, are not the business of settings that decide.
_DECIDING = (
    "spec",
    "strict",
    "ip_family",
    "waivers",
    "baseline",
    "fail_on",
    "fail_on_unknown",
    "require_platform",
    "area",
    "cpu",
    "mode",
)


def settings_of(root: Any) -> Settings:
    """The settings for every command below `root`, a group of commands as typer draws it."""
    return read_settings({name: _options(command) for name, command in _commands(root)}, _folder())


def default_map(settings: Settings) -> dict[str, dict[str, Any]]:
    """The values alone, as the command line takes its defaults."""
    return {name: {key: entry.value for key, entry in found.items()} for name, found in settings.of.items()}


def setting_behind(context: Any, name: str) -> Setting | None:
    """The setting that a parameter of the running command took its value from; None where it came from elsewhere."""
    if context is None or not isinstance(settings := context.find_root().obj, Settings):
        return None
    source = context.get_parameter_source(name)
    given = settings.command(context.info_name or "").get(name)
    return given if source is not None and source.name == "DEFAULT_MAP" else None


def deciding(context: Any) -> Iterator[str]:
    """What decided the verdict and was not on the command line, each with its origin."""
    for name in _DECIDING:
        if setting := setting_behind(context, name):
            value = ",".join(map(str, setting.value)) if isinstance(setting.value, list) else setting.value
            yield f"{name.replace('_', '-')} = {value} (from {setting.origin})"


def every_value(root: Any, settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    """Command, option, value and origin of every option; an empty origin is the default's."""
    for command, drawn in _commands(root):
        for param in drawn.params:
            if param.param_type_name == "option" and param.name != "help":
                given = settings.command(command).get(param.name)
                value = given.value if given else param.default
                yield command, param.name.replace("_", "-"), _shown(value), given.origin if given else ""


def _shown(value: Any) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _commands(root: Any) -> Iterator[tuple[str, Any]]:
    commands: Mapping[str, Any] = root.commands
    return ((name, command) for name, command in commands.items() if not hasattr(command, "commands"))


def _options(command: Any) -> list[Option]:
    return [
        Option(param.name, param.metavar or "", param.multiple)
        for param in command.params
        if param.param_type_name == "option" and param.name != "help"
    ]


def _folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError("the working directory is gone", remedy="change to one that exists") from error
