"""The JSON Schema of a spec file."""

from typing import Any

from auditor.schema import framed, parts
from auditor.spec.model import Requirement, SpecFile


def spec_schema() -> dict[str, Any]:
    """Rows are checked after a spec is merged with the one that it extends, so a file's rows may be partial."""
    definitions = parts(SpecFile, Requirement)
    definitions["Requirement"]["required"] = ["id"]
    definitions["SpecFile"]["properties"]["requirement"]["items"] = {"$ref": "#/$defs/Requirement"}
    return framed("audit-image spec", definitions, SpecFile)
