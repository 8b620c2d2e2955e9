"""The JSON document of a report, both ways, and the schema that it keeps."""

from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.report.model import SCHEMA_VERSION, IndexReport, Report
from auditor.report.schema import builtins, ordered, schema

_Read = TypeVar("_Read", Report, IndexReport)
_ORDER = (
    *("schema_version", "image", "spec", "verdict", "summary", "rules"),
    *("tools", "requirements", "findings", "waivers", "fits", "inventory"),
)
_INDEX_ORDER = ("schema_version", "index", "verdict", "rules", "platforms", "findings")


def to_document(report: Report | IndexReport) -> dict[str, Any]:
    """A report as JSON's own types."""
    if isinstance(report, IndexReport):
        document = builtins(replace(report, platforms=()))
        document["platforms"] = [to_document(platform) for platform in report.platforms]
        return ordered(document, _INDEX_ORDER)
    document = builtins(report)
    document["tools"] = document["inventory"].pop("tools")
    return ordered(document, _ORDER)


def from_document(document: Any, where: str) -> Report:
    """A saved report of one image back as a value; UsageError where it is not one."""
    if not isinstance(document, dict) or not isinstance(document.get("inventory"), dict):
        raise UsageError("not a report of audit-image", where, "save one with -o json=FILE")
    _check_version(document, where)
    whole = {**document, "inventory": {**document["inventory"], "tools": document.get("tools")}}
    return _converted(whole, Report, where)


def any_from_document(document: Any, where: str) -> Report | IndexReport:
    """A saved report of one image, or of an index; UsageError where it is neither."""
    if isinstance(document, dict) and isinstance(document.get("images"), list) and "not_audited" in document:
        raise UsageError("a report of several images", where, "each of its `images` is a report: give one of them")
    if not isinstance(document, dict) or not isinstance(document.get("platforms"), list) or "index" not in document:
        return from_document(document, where)
    _check_version(document, where)
    platforms = tuple(from_document(platform, where) for platform in document["platforms"])
    return replace(_converted({**document, "platforms": []}, IndexReport, where), platforms=platforms)


def _check_version(document: dict[str, Any], where: str) -> None:
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        shown = repr(version) if isinstance(version, str) else "none"
        remedy = "audit the image anew, or judge it with the audit-image that wrote it"
        raise UsageError(f"a report of schema version {shown}, and this reads '{SCHEMA_VERSION}'", where, remedy)


def _converted(document: dict[str, Any], wanted: type[_Read], where: str) -> _Read:
    try:
        return msgspec.convert(document, wanted)
    except msgspec.ValidationError as error:
        raise UsageError(f"not a report of this version: {error}", where) from error
    except UnicodeEncodeError as error:  # half of a pair of surrogates, where one of certain words is to stand
        raise UsageError("not a report of this version: a word in it is no text", where) from error


def document_schema() -> dict[str, Any]:
    """The JSON Schema of a report of one image, or of an index."""
    made = schema("audit-image report", Report, IndexReport)
    report, inventory = made["$defs"]["Report"], made["$defs"]["Inventory"]
    report["properties"]["tools"] = inventory["properties"].pop("tools")
    inventory["required"].remove("tools")
    report["required"].append("tools")
    return made
