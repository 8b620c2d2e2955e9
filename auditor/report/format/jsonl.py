"""JSON Lines: an object for each image, by the published schema of a sweep.

A sweep writes each line when its image is done; this is the same for a sweep that is over.
"""

from typing import TYPE_CHECKING

from auditor.report.register import Style
from auditor.report.views import json_lines_of

if TYPE_CHECKING:
    from auditor.report.register import Document


def write(document: "Document", style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The images, one a line."""
    return "".join(json_lines_of(document))
