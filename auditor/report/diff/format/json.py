"""JSON, by the published schema."""

from auditor.report.audit.document import dump
from auditor.report.diff.document import diff_document
from auditor.report.diff.model import Diff
from auditor.report.format import Style


def write(diff: Diff, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The diff as one JSON document."""
    return dump(diff_document(diff))
