"""A spec in force, whole, in the forms that `spec show` writes."""

import json
from collections.abc import Callable, Iterator, Mapping

import msgspec

from auditor.spec.model import Module, Spec


def as_json(spec: Spec) -> str:
    """Every field of every row."""
    return json.dumps(msgspec.to_builtins(spec), indent=2, ensure_ascii=False) + "\n"


def as_toml(spec: Spec) -> str:
    """One spec file that extends nothing and says the same."""
    return "\n".join(_toml(spec)) + "\n"


def _toml(spec: Spec) -> Iterator[str]:
    yield 'schema_version = "1"'
    for name in ("name", "version", "title"):
        yield f"{name} = {_value(getattr(spec, name))}"
    yield f"default_modes = {_value(spec.default_modes)}"
    yield f"instead = {_value(spec.instead)}"
    for row in spec.requirements:
        yield from ("", "[[requirement]]")
        yield from toml_fields(msgspec.to_builtins(row))
    for name, module in spec.modules.items():
        yield from ("", f"[module.{name}]")
        yield from toml_fields(_without_defaults(module))
    for incident in spec.incidents:
        yield from ("", "[[incident]]")
        yield from toml_fields(msgspec.to_builtins(incident))


def _without_defaults(module: Module) -> dict[str, object]:
    return {name: value for name, value in msgspec.to_builtins(module).items() if value not in (None, "", [], ())}


def toml_fields(values: Mapping[str, object]) -> Iterator[str]:
    """A line for each field that says something."""
    for name, value in values.items():
        if value not in (None, "", [], (), {}, False) or name == "text":
            yield f"{name} = {_value(value)}"


def _value(value: object) -> str:
    """A value in one line. JSON's strings are TOML's basic strings, but for DEL."""
    if isinstance(value, Mapping):
        kept = {key: entry for key, entry in value.items() if entry not in (None, "", [], (), {})}
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(entry)}" for key, entry in kept.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_markdown(spec: Spec) -> str:
    """A table of the rows."""
    lines = [f"# {spec.title}", "", "| row | kind | what |", "|---|---|---|"]
    lines += [f"| `{row.id}` | {row.kind} | {row.text.replace('|', '&#124;')} |" for row in spec.requirements]
    return "\n".join(lines) + "\n"


def as_text(spec: Spec) -> str:
    """Each row in a line."""
    width = max(len(row.id) for row in spec.requirements)
    lines = [f"{spec.name} {spec.version}: {spec.title} ({spec.digest})"]
    return "\n".join([*lines, *(f"{row.id:<{width}}  {row.text}" for row in spec.requirements)]) + "\n"


#: A form is one function and one line.
FORMS: dict[str, Callable[[Spec], str]] = {
    "text": as_text,
    "json": as_json,
    "toml": as_toml,
    "markdown": as_markdown,
}
