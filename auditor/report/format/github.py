"""GitHub Actions: an annotation per finding that is not waived, and the step's summary where there is one.

Annotations are workflow commands on standard output (`::error title=…::message`); what their syntax gives a meaning
is percent-encoded, as the toolkit of Actions does. GITHUB_STEP_SUMMARY names the file that the summary is added to.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.report.format import markdown
from auditor.report.register import Style
from auditor.report.results import Results, source_of
from auditor.report.views import results_of
from auditor.report.words import printable
from auditor.severity import Severity

if TYPE_CHECKING:
    from auditor.report.register import Document

_VARIABLE = "GITHUB_STEP_SUMMARY"
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def write(document: "Document", style: Style) -> str:
    """The annotations; notes only where the style is verbose, since a job shows ten of a kind."""
    summary = os.environ.get(_VARIABLE)
    if summary:
        _add(Path(summary), markdown.write(document, style))
    return "\n".join(_lines(results_of(document), style)) + "\n"


def _lines(results: Results, style: Style) -> Iterator[str]:
    for result in results.results:
        if result.waived_by is None and (style.verbose or result.severity is not Severity.NOTE):
            title = " ".join(filter(None, (result.rule, result.subject, result.place)))
            message = f"{result.told} {result.fix}".rstrip()
            source = source_of(result, style)
            at = f"file={_property(source[0])},line={source[1]}," if source else ""
            yield f"::{_COMMANDS[result.severity]} {at}title={_property(title)}::{_data(message)}"
    kind = "notice" if results.verdict == "pass" else "error"
    yield f"::{kind} title={_property(f'audit-image {results.outcome}')}::{_data(results.conclusion)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _add(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"can't write the step's summary: {error.strerror}", f"{_VARIABLE}={file}") from error
