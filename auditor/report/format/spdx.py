"""A software bill of materials: SPDX 2.3 JSON."""

from auditor.report.bill import spdx
from auditor.report.bill.build import build
from auditor.report.format import Style
from auditor.report.model import IndexReport, Report


def write(report: Report | IndexReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The report as an SPDX document."""
    return spdx.write(build(report))
