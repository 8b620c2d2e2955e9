"""The JSON document of a report, both ways, and the schema that it keeps."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.errors import UsageError
from auditor.report.model import IndexReport, Report

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ORDER = (
    "schema_version",
    "image",
    "spec",
    "verdict",
    "summary",
    "tools",
    "requirements",
    "findings",
    "waivers",
    "inventory",
)


def to_document(report: Report) -> dict[str, Any]:
    """A report as JSON's own types. Bytes of a name that are not UTF-8 are written as `\\xNN`."""
    document: dict[str, Any] = printable(msgspec.to_builtins(report))
    document["tools"] = document["inventory"].pop("tools")
    return {key: document[key] for key in _ORDER}


def index_document(report: IndexReport) -> dict[str, Any]:
    """The same for a report on several platforms."""
    shallow = IndexReport(report.index, report.verdict, (), report.findings, report.schema_version)
    document: dict[str, Any] = printable(msgspec.to_builtins(shallow))
    platforms = [to_document(platform) for platform in report.platforms]
    keys = ("schema_version", "index", "verdict")
    return {key: document[key] for key in keys} | {"platforms": platforms, "findings": document["findings"]}


def from_document(document: Any, where: str) -> Report:
    """A saved report back as a value; UsageError where it is not one."""
    if not isinstance(document, dict) or not isinstance(document.get("inventory"), dict):
        raise UsageError("not a report of audit-image", where, "save one with -o json=FILE")
    whole = {**document, "inventory": {**document["inventory"], "tools": document.get("tools")}}
    try:
        return msgspec.convert(whole, Report)
    except msgspec.ValidationError as error:
        raise UsageError(f"not a report of this version: {error}", where) from error


def dump(document: Mapping[str, Any]) -> str:
    """The document as text, two spaces deep, with a newline at its end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def report_schema() -> dict[str, Any]:
    """The JSON Schema of a report of one image, or of an index."""
    _, components = msgspec.json.schema_components([Report, IndexReport], ref_template="#/$defs/{name}")
    definitions = {name: _closed(definition) for name, definition in components.items()}
    tools = definitions["Inventory"]["properties"].pop("tools")
    definitions["Inventory"]["required"].remove("tools")
    report = definitions["Report"]
    report["properties"]["tools"] = tools
    report["required"].append("tools")
    return {
        "$schema": _DIALECT,
        "title": "audit-image report",
        "anyOf": [{"$ref": "#/$defs/Report"}, {"$ref": "#/$defs/IndexReport"}],
        "$defs": dict(sorted(definitions.items())),
    }


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    """A report always has every key, so each is required; defaults are for reading older reports only."""
    properties = definition.get("properties", {})
    for value in properties.values():
        value.pop("default", None)
    return {**definition, "required": list(properties)}


def printable(value: Any) -> Any:
    """The same value with every string valid Unicode: undecodable bytes become `\\xNN`."""
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        )
    if isinstance(value, dict):
        return {key: printable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [printable(entry) for entry in value]
    return value
