"""The formats of a report: one module each, registered here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from auditor.report.model import IndexReport, Report


@dataclass(frozen=True, slots=True)
class Style:
    """How a report for people is drawn: `colour` on terminals, `verbose` with notes and paths."""

    colour: bool = False
    verbose: bool = False


Writer = Callable[[Report | IndexReport, Style], str]

# A module that holds `write(report, style) -> str`, imported when its format is asked for.
_MODULES = {
    "text": "auditor.report.audit.text",
    "json": "auditor.report.format.json",
    "cyclonedx-json": "auditor.report.format.cyclonedx",
    "spdx-json": "auditor.report.format.spdx",
    "needs-sh": "auditor.report.format.needs_sh",
    "needs-json": "auditor.report.format.needs_json",
}


def formats() -> tuple[str, ...]:
    """The names of the formats that a report can be written in."""
    return tuple(_MODULES)


def writer(name: str) -> Writer:
    """The function that writes one format; KeyError where there is none of that name."""
    write: Writer = import_module(_MODULES[name]).write
    return write
