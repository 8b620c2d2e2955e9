"""Small specs for tests: tools with their programs, and rows, whose kind is what their names begin with."""

import json
from collections.abc import Mapping, Sequence

from auditor.spec import Spec, read_spec

_Value = str | bool | Sequence[str] | Mapping[str, str]


def own_spec(*rows: str, **programs: str) -> Spec:
    """A spec of these rows, and of these tools, each with one program."""
    tools = "".join(f"[tool.{tool}]\nprograms = {_toml([program])}\n" for tool, program in programs.items())
    return read_spec(f'name = "mine"\nextends = "base"\n{tools}{"".join(rows)}', "mine.toml")


def own_row(name: str, text: str, **fields: _Value) -> str:
    """A row of a spec."""
    every: dict[str, _Value] = {"id": name, "kind": name.partition(".")[0], "text": text, **fields}
    return "[[requirement]]\n" + "".join(f"{field} = {_toml(value)}\n" for field, value in every.items())


def _toml(value: _Value) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)
