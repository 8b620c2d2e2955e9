"""The views of a document that formats write. Each kind of document has a room that makes them, one module a view."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditor.report.register import Kind, Style

if TYPE_CHECKING:
    from auditor.report.page import Page
    from auditor.report.register import Document
    from auditor.report.results import Results

_ROOMS = {
    Kind.REPORT: "audit",
    Kind.INDEX: "audit",
    Kind.SEVERAL: "several",
    Kind.DIFF: "diff",
    Kind.RELEASE: "release",
    Kind.KERNEL: "kernel",
    Kind.SWEEP: "sweep",
}


def document_of(value: "Document") -> dict[str, Any]:
    """The JSON document, by its published schema."""
    made: dict[str, Any] = _module(value, "document").to_document(value)
    return made


def json_lines_of(value: "Document") -> list[str]:
    """A JSON document for each image, each on a line of its own."""
    return [_module(value, "document").to_line(image) for image in value.images]  # type: ignore[union-attr]


def schema_of(kind: Kind) -> dict[str, Any]:
    """The JSON Schema that documents of a kind keep."""
    made: dict[str, Any] = _room(kind, "document").document_schema()
    return made


def lines_of(value: "Document", style: Style) -> list[str]:
    """Lines of text for people, printable, painted and folded by the style."""
    return list(_module(value, "text").lines(value, style))


def page_of(value: "Document", style: Style) -> "Page":
    """A page for people."""
    made: Page = _module(value, "page").page(value, style)
    return made


def results_of(value: "Document") -> "Results":
    """What was judged, case by case, for other programs."""
    made: Results = _module(value, "results").results(value)
    return made


def _module(value: "Document", view: str) -> Any:
    return _room(value.kind, view)


def _room(kind: Kind, view: str) -> Any:
    return import_module(f"auditor.report.{_ROOMS[kind]}.{view}")
