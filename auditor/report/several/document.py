"""The JSON document of several reports: each is as `check` of that image alone writes it."""

from typing import Any

from msgspec import Struct

from auditor.report.audit.document import document_schema as report_schema
from auditor.report.audit.document import to_document as report_document
from auditor.report.model import Verdict
from auditor.report.schema import builtins, schema
from auditor.report.several.model import NotAudited, SeveralReports


class _Frame(Struct, frozen=True):
    """All but the reports: a list of one kind or another is more than the schema's maker takes."""

    schema_version: str
    verdict: Verdict
    not_audited: tuple[NotAudited, ...]


def to_document(several: SeveralReports) -> dict[str, Any]:
    """The reports as JSON's own types."""
    return {
        "schema_version": several.schema_version,
        "verdict": several.verdict,
        "images": [report_document(report) for report in several.images],
        "not_audited": builtins(several.not_audited),
    }


def document_schema() -> dict[str, Any]:
    """The JSON Schema, which knows a report of one image, of an index, and of several images."""
    made = report_schema()
    several = schema("", _Frame)["$defs"]
    frame = several.pop("_Frame")
    frame["properties"]["images"] = {"type": "array", "items": {"anyOf": made["anyOf"]}}
    frame["required"].append("images")
    return {
        **made,
        "anyOf": [*made["anyOf"], {"$ref": "#/$defs/SeveralReports"}],
        "$defs": {**made["$defs"], **several, "SeveralReports": {**frame, "title": "SeveralReports"}},
    }
