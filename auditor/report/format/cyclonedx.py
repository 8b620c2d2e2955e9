"""A software bill of materials: CycloneDX 1.6 JSON."""

from auditor.report.bill import cyclonedx
from auditor.report.bill.build import build
from auditor.report.format import Style
from auditor.report.model import IndexReport, Report


def write(report: Report | IndexReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The report as a CycloneDX document."""
    return cyclonedx.write(build(report))
