"""JSON, by the published schema."""

from auditor.report.audit.document import dump, index_document, to_document
from auditor.report.format import Style
from auditor.report.model import IndexReport, Report


def write(report: Report | IndexReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The report as one JSON document."""
    return dump(index_document(report) if isinstance(report, IndexReport) else to_document(report))
