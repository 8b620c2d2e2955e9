"""The JSON Schema of a spec file."""

from typing import Any

import msgspec

from auditor.spec.model import Requirement, SpecFile


def spec_schema() -> dict[str, Any]:
    """Rows are checked after a spec is merged with the one that it extends, so a file's rows may be partial."""
    _, components = msgspec.json.schema_components([SpecFile, Requirement], ref_template="#/$defs/{name}")
    row = {**components["Requirement"], "required": ["id"]}
    definitions = {**components, "Requirement": row}
    definitions["SpecFile"]["properties"]["requirement"]["items"] = {"$ref": "#/$defs/Requirement"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "audit-image spec",
        "$ref": "#/$defs/SpecFile",
        "$defs": dict(sorted(definitions.items())),
    }
