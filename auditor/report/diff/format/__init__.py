"""The formats of a diff: one module each, registered here."""

from collections.abc import Callable
from importlib import import_module

from auditor.report.diff.model import Diff
from auditor.report.format import Style

Writer = Callable[[Diff, Style], str]

# A module that holds `write(diff, style) -> str`, imported when its format is asked for.
_MODULES = {
    "text": "auditor.report.diff.text",
    "json": "auditor.report.diff.format.json",
    "markdown": "auditor.report.diff.markdown",
    "html": "auditor.report.diff.html",
}


def formats() -> tuple[str, ...]:
    """The names of the formats that a diff can be written in."""
    return tuple(_MODULES)


def writer(name: str) -> Writer:
    """The function that writes one format; KeyError where there is none of that name."""
    write: Writer = import_module(_MODULES[name]).write
    return write
