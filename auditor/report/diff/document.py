"""The JSON document of a diff, and the schema that it keeps."""

from typing import Any

import msgspec

from auditor.report.audit.document import printable
from auditor.report.diff.kinds import KINDS
from auditor.report.diff.model import Diff

_ORDER = (
    *("schema_version", "old", "new", "spec", "fail_on", "verdict", "summary", "layers"),
    *("changes", "unchanged", "notes"),
)


def diff_document(diff: Diff) -> dict[str, Any]:
    """A diff as JSON's own types."""
    document: dict[str, Any] = printable(msgspec.to_builtins(diff))
    return {key: document[key] for key in _ORDER}


def diff_schema() -> dict[str, Any]:
    """The JSON Schema of a diff; `kind` names every kind of change there is."""
    _, components = msgspec.json.schema_components([Diff], ref_template="#/$defs/{name}")
    definitions = {name: _closed(definition) for name, definition in components.items()}
    definitions["Change"]["properties"]["kind"] = {"enum": list(KINDS)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "audit-image diff",
        "$ref": "#/$defs/Diff",
        "$defs": dict(sorted(definitions.items())),
    }


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    """A diff always has every key, so each is required."""
    properties = definition.get("properties", {})
    for value in properties.values():
        value.pop("default", None)
    return {**definition, "required": list(properties)}
