"""The JSON document of a diff, and the schema that it keeps."""

from typing import Any

from auditor.report.diff.kinds import KINDS
from auditor.report.diff.model import Diff
from auditor.report.schema import builtins, ordered, schema

_ORDER = (
    *("schema_version", "old", "new", "spec", "fail_on", "areas", "verdict", "summary", "rules", "layers"),
    *("changes", "unchanged", "notes"),
)


def to_document(diff: Diff) -> dict[str, Any]:
    """A diff as JSON's own types."""
    return ordered(builtins(diff), _ORDER)


def document_schema() -> dict[str, Any]:
    """The JSON Schema of a diff; `kind` names every kind of change there is."""
    from auditor.report.release.model import ReleaseDiff  # noqa: PLC0415 - it is made of diffs

    made = schema("audit-image diff", Diff, ReleaseDiff)
    made["$defs"]["Change"]["properties"]["kind"] = {"enum": list(KINDS)}
    return made
