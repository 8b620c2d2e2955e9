"""Where output goes: reports to standard output or files, everything else to standard error."""

import contextlib
import enum
import errno
import io
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from auditor.errors import UsageError, did_you_mean
from auditor.files import beside
from auditor.report.register import Style
from auditor.report.words import printable

EXIT_OK, EXIT_FAILED, EXIT_NOT_AUDITED = 0, 1, 2


class Colour(enum.StrEnum):
    """When a report on standard output is coloured."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Output:
    """One `-o FORMAT[=FILE]`; `file` None is standard output."""

    format: str
    file: Path | None


@dataclass(frozen=True, slots=True)
class Outputs:
    """Every place that one run writes to. What is wrong with one of them is told before anything is audited."""

    places: tuple[Output, ...]
    colour: Colour = Colour.AUTO
    verbose: bool = False
    quiet: bool = False

    def write(self, render: Callable[[str, Style], str], *, passed: bool = False) -> None:
        """Write what `render` makes of each format in a style: every file whole, or none of them.

        Files are written beside their place and renamed when all are there, so that an old report survives a full
        disk and an interruption. UsageError says which place failed. A quiet run that passed
        says nothing for people.
        """
        texts = [(place, render(place.format, self._style(place))) for place in self.places]
        with contextlib.ExitStack() as stack:
            ready = [
                (place.file, stack.enter_context(_ready(place.file, text)))
                for place, text in texts
                if place.file is not None
            ]
            for file, put in ready:
                with _told(file):
                    put()
        for place, text in texts:
            if place.file is None and not (self.quiet and passed and place.format == "text"):
                _write_standard(text)

    def _style(self, place: Output) -> Style:
        """Colour only on standard output, and folding only where that is a terminal."""
        if place.file is not None:
            return Style(verbose=self.verbose, quiet=self.quiet)
        width = shutil.get_terminal_size().columns if _is_terminal() else None
        return Style(wants_colour(self.colour), self.verbose, width, self.quiet)


def parse_outputs(
    values: Sequence[str],
    known: Sequence[str],
    colour: Colour = Colour.AUTO,
    *,
    verbose: bool = False,
    quiet: bool = False,
) -> Outputs:
    """Check every `-o`, and that its place can be written.

    UsageError where a format is unknown, two outputs share one place, or a file can't be made.
    """
    places = tuple(_parse_output(value, known) for value in values)
    shown = [os.path.realpath(place.file) if place.file else "standard output" for place in places]
    for name in shown:
        if shown.count(name) > 1:
            raise UsageError(f"two formats are to be written to {name}", "-o", "give each a file: -o FORMAT=FILE")
    for place in places:
        if place.file is not None:
            with _told(place.file):
                _try(place.file)
    return Outputs(places, colour, verbose, quiet)


def _parse_output(value: str, known: Sequence[str]) -> Output:
    name, separator, file = value.partition("=")
    if name not in known:
        remedy = did_you_mean(name, known) or f"the formats are: {', '.join(known)}"
        raise UsageError(f"there is no format '{name}'", "-o", remedy)
    if separator and not file:
        raise UsageError(f"no file after '{value}'", "-o", "write -o FORMAT=FILE")
    return Output(name, Path(file) if separator and file != "-" else None)


def wants_colour(choice: Colour) -> bool:
    """Colour as asked; else NO_COLOR (no-color.org) forbids it, FORCE_COLOR asks for it, and a terminal gets it."""
    if choice is not Colour.AUTO:
        return choice is Colour.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or _is_terminal()


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def echo(*lines: str) -> None:
    """Lines on standard output in which every character shows: a spec's or a setting's words are not ours."""
    for line in lines:
        typer.echo(printable(line))


def report_error(what: str, remedy: str = "") -> int:
    """One line on standard error, with no control character in it; the exit code for it."""
    say(f"{what}{f'; {remedy}' if remedy else ''}")
    return EXIT_NOT_AUDITED


def report_warning(what: str) -> None:
    """The same, of what the output doesn't say for itself."""
    say(f"warning: {what}")


def say(text: str) -> None:
    """One line on standard error; where that is closed or full, nobody is there to be told."""
    line = " ".join(f"audit-image: {text}".split())
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{printable(line)}\n")  # Python writes standard error with backslashes for what it can't show
        sys.stderr.flush()


class ClosedOutput(io.TextIOBase):
    """Standard output where the caller has closed it: whatever is written is an error, not lost in silence."""

    def write(self, text: str) -> int:
        """OSError, always."""
        raise OSError(errno.EBADF, f"it is closed, and {len(text)} characters were to be written", "standard output")


def _write_standard(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout.write(text)


@contextlib.contextmanager
def _ready(file: Path, text: str) -> Iterator[Callable[[], object]]:
    data = text.encode("utf-8", "backslashreplace")
    with contextlib.ExitStack() as stack:
        with _told(file):
            # A pipe, /dev/stdout, and a file that may be written while its folder may not, are written where they are.
            put = stack.enter_context(beside(file, data)) if _can_rename(file) else partial(file.write_bytes, data)
        yield put


def _try(file: Path) -> None:
    """OSError where the file could not be written; nothing is left behind, and what lies there stays as it is."""
    if file.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    if not _can_rename(file):
        if not os.access(file, os.W_OK):
            raise PermissionError(0, "permission denied")
        return
    real = Path(os.path.realpath(file))
    if real.exists() and not os.access(real, os.W_OK):
        raise PermissionError(0, "permission denied")
    with tempfile.NamedTemporaryFile(prefix=f".{real.name[:100]}.", dir=real.parent):
        pass


def _can_rename(file: Path) -> bool:
    """Whether a file may be put beside it and take its place; else it exists and is written where it is."""
    try:
        regular = stat.S_ISREG(file.stat().st_mode)
    except FileNotFoundError:
        return True
    return regular and os.access(os.path.realpath(file.parent), os.W_OK) and not os.path.ismount(file)


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UsageError(f"can't write the report: {getattr(error, 'strerror', '') or error}", str(file)) from error
