"""One self-contained HTML page: no script, nothing fetched, everything from outside escaped by the template engine."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from auditor.report.page import Findings, Lines, Table
from auditor.report.producer import Producer
from auditor.report.register import Style
from auditor.report.time import build_time
from auditor.report.views import page_of
from auditor.report.words import printable

if TYPE_CHECKING:
    from auditor.report.register import Document

_TEMPLATE = "page.html.j2"


def write(document: "Document", style: Style) -> str:
    """The document as one HTML page."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters["block"] = _block_kind
    template = engine.get_template(_TEMPLATE)
    time = build_time()
    page: str = template.render(
        page=page_of(document, style), producer=Producer.this(), time=f"{time:%Y-%m-%d %H:%M} UTC" if time else ""
    )
    return page.rstrip("\n") + "\n"


def _shown(value: Any) -> Any:
    """What no browser may act on is spelled out, before the engine escapes it. Markup is the engine's own."""
    return printable(value) if type(value) is str else value


def _block_kind(block: object) -> str:
    if isinstance(block, Table):
        return "table"
    if isinstance(block, Findings):
        return "findings"
    return "lines" if isinstance(block, Lines) else "tree"
