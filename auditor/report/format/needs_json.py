"""What an image asks of the nodes' kernels, as JSON for a preflight."""

from auditor.report.audit.needs import NOTHING, needs, rows
from auditor.report.model import IndexReport, Report
from auditor.report.register import Style
from auditor.report.schema import dump

SCHEMA_VERSION = "1"


def write(report: Report | IndexReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The list over all rows, and each row's own: of a list of names in a list, one is enough."""
    total = needs(report)
    document = {
        "schema_version": SCHEMA_VERSION,
        "image": report.index.reference if isinstance(report, IndexReport) else report.image.reference,
        "min_version": total.min_version,
        "modules": [list(names) for names in total.modules],
        "config": [list(names) for names in total.config],
        "requirements": [
            {
                "id": row.id,
                "platform": str(platform),
                "min_version": each.min_version,
                "modules": list(each.modules),
                "config": list(each.config),
                "alternatives": {name: list(others) for name, others in each.alternatives.items()},
            }
            for one in (report.platforms if isinstance(report, IndexReport) else (report,))
            for platform in (one.image.platform,)
            for row in rows(one)
            for each in (row.needs or NOTHING,)
        ],
    }
    return dump(document)
