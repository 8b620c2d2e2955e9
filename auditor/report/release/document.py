"""The JSON document of a diff of releases; its schema is part of a diff's."""

from typing import Any

from auditor.report.diff.document import document_schema as diff_schema
from auditor.report.diff.document import to_document as diff_document
from auditor.report.release.model import ReleaseDiff
from auditor.report.schema import builtins, ordered

_ORDER = (
    *("schema_version", "old", "new", "spec", "fail_on", "areas", "verdict", "summary", "rules"),
    *("changes", "platforms", "notes"),
)


def to_document(release: ReleaseDiff) -> dict[str, Any]:
    """The diff as JSON's own types; each platform's is as `diff` of that platform alone writes it."""
    document = builtins(release)
    document["platforms"] = [diff_document(diff) for diff in release.platforms]
    return ordered(document, _ORDER)


def document_schema() -> dict[str, Any]:
    """The JSON Schema, which knows both kinds of diff."""
    return diff_schema()
