"""JSON, by the published schemas."""

from typing import TYPE_CHECKING

from auditor.report.register import Style
from auditor.report.schema import dump
from auditor.report.views import document_of

if TYPE_CHECKING:
    from auditor.report.register import Document


def write(document: "Document", style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The document as JSON."""
    return dump(document_of(document))
