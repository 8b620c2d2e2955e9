"""The formats of a report on kernels: one module each, registered here."""

from collections.abc import Callable
from importlib import import_module

from auditor.report.format import Style
from auditor.report.kernel.model import KernelReport

Writer = Callable[[KernelReport, Style], str]

# A module that holds `write(report, style) -> str`, imported when its format is asked for.
_MODULES = {
    "text": "auditor.report.kernel.text",
    "json": "auditor.report.kernel.format.json",
    "markdown": "auditor.report.kernel.markdown",
    "html": "auditor.report.kernel.html",
}


def formats() -> tuple[str, ...]:
    """The names of the formats that a report on kernels can be written in."""
    return tuple(_MODULES)


def writer(name: str) -> Writer:
    """The function that writes one format; KeyError where there is none of that name."""
    write: Writer = import_module(_MODULES[name]).write
    return write
