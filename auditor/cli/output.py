"""Where output goes: reports to standard output or files, everything else to standard error."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import UsageError
from auditor.report.register import Style
from auditor.report.words import printable

EXIT_OK, EXIT_FAILED, EXIT_NOT_AUDITED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Output:
    """One `-o FORMAT[=FILE]`; `file` None is standard output."""

    format: str
    file: Path | None


def parse_outputs(values: list[str], known: tuple[str, ...]) -> tuple[Output, ...]:
    """Check every `-o`; UsageError where a format is unknown or two outputs share one place."""
    outputs = tuple(_parse_output(value, known) for value in values)
    places = [str(output.file) for output in outputs]
    for place in places:
        if places.count(place) > 1:
            shown = "standard output" if place == "None" else place
            raise UsageError(f"two formats are to be written to {shown}", "-o", "give each a file: -o FORMAT=FILE")
    return outputs


def _parse_output(value: str, known: tuple[str, ...]) -> Output:
    name, separator, file = value.partition("=")
    if name not in known:
        raise UsageError(f"there is no format '{name}'", "-o", f"the formats are: {', '.join(known)}")
    if separator and not file:
        raise UsageError(f"no file after '{value}'", "-o", "write -o FORMAT=FILE")
    return Output(name, Path(file) if file else None)


def write_output(output: Output, text: str) -> None:
    """Write one report; UsageError where the file can't be written."""
    if output.file is None:
        stream = sys.stdout
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream has it
        stream.write(text)
        return
    try:
        output.file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"can't write the report: {error.strerror}", str(output.file)) from error


def style(output: Output, *, verbose: bool) -> Style:
    """How text is drawn there: colour (unless NO_COLOR is set, no-color.org) and folding only on a terminal."""
    if output.file is not None or not sys.stdout.isatty():
        return Style(verbose=verbose)
    return Style(not os.environ.get("NO_COLOR"), verbose, shutil.get_terminal_size().columns)


def report_error(what: str, remedy: str = "") -> int:
    """One line on standard error, with no control character in it; the exit code for it."""
    _line(f"{what}; {remedy}" if remedy else what)
    return EXIT_NOT_AUDITED


def report_warning(what: str) -> None:
    """The same, of what the output doesn't say for itself."""
    _line(f"warning: {what}")


def _line(text: str) -> None:
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream has it
    print(printable(" ".join(f"audit-image: {text}".split())), file=sys.stderr)
