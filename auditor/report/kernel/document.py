"""The JSON document of a report on kernels, and the schema that it keeps."""

from typing import Any

from auditor.report.kernel.model import KernelReport
from auditor.report.schema import builtins, ordered, schema

_ORDER = (
    *("schema_version", "spec", "verdict", "summary", "rules"),
    *("kernels", "images", "pairs", "requirements", "findings"),
)


def to_document(report: KernelReport) -> dict[str, Any]:
    """A report as JSON's own types."""
    return ordered(builtins(report), _ORDER)


def document_schema() -> dict[str, Any]:
    """The JSON Schema of a report on kernels."""
    return schema("audit-image kernel", KernelReport)
