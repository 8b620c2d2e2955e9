"""The frame that all JSON documents share: JSON's own types, the text, and the schema that it keeps."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from auditor.report.words import printable, valid
from auditor.schema import framed, parts

_NOT_PLAIN = re.compile(r"[^\n -~]")


def builtins(value: Any) -> Any:
    """A frozen value as JSON's own types, every text valid Unicode: bytes that were none are `\\xNN`."""
    return _valid(msgspec.to_builtins(value))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, dict):
        return {valid(key): _valid(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(entry) for entry in value]
    return value


def ordered(document: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The document with its keys in this order."""
    return {key: document[key] for key in keys}


def dump(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """The document as text, two spaces deep, with a newline at its end.

    What would act on a terminal (C1 controls, writing direction, what can't be seen) is escaped as JSON does it.
    """
    try:
        text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    except UnicodeEncodeError:  # bytes that are no text, as a name in an image may be
        text = json.dumps(_valid(document), indent=2, ensure_ascii=False) + "\n"
    return _plain(text)


def dump_line(document: Mapping[str, Any]) -> str:
    """The same on one line, for JSON Lines."""
    return _plain(json.dumps(_valid(document), separators=(",", ":"), ensure_ascii=False) + "\n")


def _plain(text: str) -> str:
    """Outside of strings JSON is plain ASCII, so whatever is found stands in one."""
    return _NOT_PLAIN.sub(lambda found: _escaped(found[0]), text)


def _escaped(char: str) -> str:
    return char if printable(char) == char else json.dumps(char)[1:-1].replace("\x7f", "\\u007f")


def schema(title: str, *roots: type) -> dict[str, Any]:
    """The JSON Schema of documents of which each is one of the roots."""
    return framed(title, {name: _closed(definition) for name, definition in parts(*roots).items()}, *roots)


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    """A document always has every key, so each is required; defaults are for reading older ones only."""
    if "properties" not in definition:
        return definition
    for value in definition["properties"].values():
        value.pop("default", None)
    return {**definition, "required": list(definition["properties"])}
