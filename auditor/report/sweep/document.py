"""The JSON document of a sweep, the line of each image, both ways, and the schema that both keep."""

import json
from typing import Any

import msgspec

from auditor.report.schema import builtins, dump_line, ordered, schema
from auditor.report.sweep.model import SCHEMA_VERSION, SweepImage, SweepReport

_ORDER = ("schema_version", "spec", "verdict", "summary", "rules", "images")
_LINE = (
    "schema_version",
    "name",
    "verdict",
    "error",
    "identity",
    "judged_by",
    "source",
    "spec",
    "platforms",
    "findings",
)


def to_document(report: SweepReport) -> dict[str, Any]:
    """A report as JSON's own types."""
    document = builtins(report)
    document["images"] = [ordered(image, _LINE) for image in document["images"]]
    return ordered(document, _ORDER)


def to_line(image: SweepImage) -> str:
    """An image as one line, with its end."""
    return dump_line(ordered(builtins(image), _LINE))


def from_line(line: bytes) -> SweepImage | None:
    """An image back; None where another version of audit-image wrote the line, ValueError where nobody of ours did."""
    try:
        document = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(document, dict) or not isinstance(document.get("schema_version"), str):
        raise ValueError("no line of a sweep")
    if document["schema_version"] != SCHEMA_VERSION:
        return None
    return msgspec.convert(document, SweepImage)  # its ValidationError is a ValueError


def document_schema() -> dict[str, Any]:
    """The JSON Schema of a sweep, and of a line of it."""
    return schema("audit-image sweep", SweepReport, SweepImage)
