"""A software bill of materials: CycloneDX 1.6 JSON."""

from auditor.report.format import Style
from auditor.report.model import IndexReport, Report
from auditor.sbom import cyclonedx
from auditor.sbom.build import build


def write(report: Report | IndexReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The report as a CycloneDX document."""
    return cyclonedx.write(build(report))
