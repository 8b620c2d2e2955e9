"""The JSON document of a report on kernels, and the schema that it keeps."""

from typing import Any

import msgspec

from auditor.report.audit.document import printable
from auditor.report.kernel.model import KernelReport

_ORDER = ("schema_version", "spec", "verdict", "kernels", "images", "pairs", "requirements", "findings")


def kernel_document(report: KernelReport) -> dict[str, Any]:
    """A report as JSON's own types."""
    document: dict[str, Any] = printable(msgspec.to_builtins(report))
    return {key: document[key] for key in _ORDER}


def kernel_schema() -> dict[str, Any]:
    """The JSON Schema of a report on kernels."""
    _, components = msgspec.json.schema_components([KernelReport], ref_template="#/$defs/{name}")
    definitions = {name: _closed(definition) for name, definition in components.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "audit-image kernel",
        "$ref": "#/$defs/KernelReport",
        "$defs": dict(sorted(definitions.items())),
    }


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    """A report always has every key, so each is required."""
    properties = definition.get("properties", {})
    for value in properties.values():
        value.pop("default", None)
    return {**definition, "required": list(properties)}
