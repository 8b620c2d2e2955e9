"""Text for people: every kind of document writes its own lines."""

from typing import TYPE_CHECKING

from auditor.report.lines import within
from auditor.report.register import Style
from auditor.report.views import lines_of

if TYPE_CHECKING:
    from auditor.report.register import Document


def write(document: "Document", style: Style) -> str:
    """The document as lines of text, with a newline at the end."""
    return "".join(f"{part}\n" for line in lines_of(document, style) for part in within(line, style.width))
