"""JSON, by the published schema."""

from auditor.report.audit.document import dump
from auditor.report.format import Style
from auditor.report.kernel.document import kernel_document
from auditor.report.kernel.model import KernelReport


def write(report: KernelReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The report as one JSON document."""
    return dump(kernel_document(report))
