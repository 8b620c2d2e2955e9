"""Whether a bill lists all packages of an image, as far as the image's package databases tell."""

from auditor.inventory.model import Inventory
from auditor.report.model import IndexReport, Report

NO_PACKAGES = "no package database lists a package"


def doubt(inventory: Inventory) -> str:
    """Why packages may be lacking; "" where nothing speaks for it."""
    warnings = inventory.package_warnings
    if not inventory.packages:
        return NO_PACKAGES if not warnings else f"{NO_PACKAGES}: {'; '.join(warnings)}"
    return "; ".join(warnings)


def doubts(report: Report | IndexReport) -> tuple[str, ...]:
    """A line for each image whose packages may not all be listed."""
    reports = report.platforms if isinstance(report, IndexReport) else (report,)
    found = ((entry.image, doubt(entry.inventory)) for entry in reports)
    return tuple(
        f"{image.reference} ({image.platform}): the bill of materials may be incomplete: {why}"
        for image, why in found
        if why
    )
