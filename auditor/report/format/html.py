"""One self-contained HTML page: nothing fetched, one small script of its own, all from outside escaped by the engine.

The page says everything without its script. Its Content-Security-Policy lets run and look only what is known by its
hash, so that no word of an image could become either.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe
from msgspec import Struct

from auditor.report.format.picture import picture_of
from auditor.report.graph import graph_of
from auditor.report.page import Branch
from auditor.report.producer import Producer
from auditor.report.register import Style
from auditor.report.time import build_time
from auditor.report.views import page_of
from auditor.report.words import printable

if TYPE_CHECKING:
    from auditor.report.register import Document

_PARTS = Path(__file__).parent / "page"


class _Part(Struct, frozen=True):
    """A part of the page that is ours to the last byte: its text, and its digest as Content-Security-Policy has it."""

    text: markupsafe.Markup
    digest: str


class _Line(Struct, frozen=True):
    """A line of a tree: whether a level opens below it, and how many close after it."""

    branch: Branch
    opens: bool
    closes: int


def write(document: "Document", style: Style) -> str:
    """The document as one HTML page."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PARTS),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters |= {"block": _block_kind, "flat": _flat, "graph": graph_of, "picture": picture_of}
    time = build_time()
    page: str = engine.get_template("page.html.j2").render(
        page=page_of(document, style),
        producer=Producer.this(),
        time=f"{time:%Y-%m-%d %H:%M} UTC" if time else "",
        look=_part("page.css"),
        script=_part("page.js"),
    )
    return page.strip("\n") + "\n"


def _part(name: str) -> _Part:
    text = (_PARTS / name).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).digest()
    return _Part(markupsafe.Markup(text), base64.b64encode(digest).decode())  # noqa: S704 - no word from outside


def _shown(value: Any) -> Any:
    """What no browser may act on is spelled out, before the engine escapes it. Markup is the engine's own."""
    return printable(value) if type(value) is str else value


def _block_kind(block: object) -> str:
    return type(block).__name__


def _flat(root: Branch) -> Iterator[_Line]:
    """The lines of a tree from top to bottom: however deep it is, nothing calls itself."""
    left: list[tuple[Branch, int]] = [(root, 0)]
    while left:
        branch, closes = left.pop()
        below = branch.branches
        yield _Line(branch, bool(below), 0 if below else closes)
        left += [(entry, closes + 1 if entry is below[-1] else 0) for entry in reversed(below)]
