"""Plug-ins in a directory of a product's own."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from auditor.finding import Finding
from auditor.inventory.model import PluginDirectory, PluginFile
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement


@rule(
    "plugin-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Install the plug-in with what it needs.",
)
def plugin_missing(context: ImageContext) -> Iterator[Finding]:
    """A plug-in that the spec asks for is not in its directory, or does not load in the tool's program.

    Loading is what dlopen(3) with RTLD_NOW would do in the first program of the tool: libraries, versions and symbols
    are looked for as at a start.
    """
    for row in context.rows(Kind.PLUGIN):
        for tool in row.tools:
            known = context.inventory.plugins_of(tool, row.directory)
            if known is None:
                continue
            for pattern in row.plugins:
                yield from _missing(context, row, known, pattern)


def _missing(context: ImageContext, row: Requirement, known: PluginDirectory, pattern: str) -> Iterator[Finding]:
    fitting = _fitting(known, pattern)
    if not fitting:
        gone = next((place for place in known.gone if place.path.rpartition("/")[2] == pattern), None)
        blame = f": {context.blame(gone.layer)} deletes it" if gone else ""
        message = f"{known.directory} has no {pattern}, which {known.tool} is to load{blame}."
        layer = gone.layer if gone else None
        yield finding("plugin-missing", row.id, f"{known.directory}/{pattern}", message, layer=layer)
    for file in fitting:
        if file.loadable is False:
            path = f"{known.directory}/{file.name}"
            message = f"{known.tool} can't load {path}: {file.reason}."
            yield finding("plugin-missing", row.id, path, message, evidence={"reason": file.reason}, layer=file.layer)


def unknown_plugin(context: ImageContext, row: Requirement) -> str:
    """Why it can't be told whether a row's plug-ins load; "" where it can."""
    for tool in row.tools:
        known = context.inventory.plugins_of(tool, row.directory)
        if known is None:
            return "the report was saved under a spec that doesn't ask for the plug-ins"
        unknown = (one for pattern in row.plugins for one in _fitting(known, pattern) if one.loadable is None)
        if one := next(unknown, None):
            return f"{known.directory}/{one.name}: {one.reason}"
    return ""


def _fitting(known: PluginDirectory, pattern: str) -> list[PluginFile]:
    return [file for file in known.files if fnmatchcase(file.name, pattern)]
