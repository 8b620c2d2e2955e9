"""Progress for people: a bar per layer on a terminal, log lines with --verbose, nothing in a pipe."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor import events
from auditor.cli.output import say
from auditor.report.words import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from auditor.sweep.run import Progress as Step

# The places of what is no layer.
_SPOOL = -1
_ANALYSIS = -2
_SHOWN_DIGEST = len("sha256:") + 12


@contextmanager
def listening(*, quiet: bool, verbose: bool) -> Iterator[events.Listener]:
    """A listener for one run. Everything that it writes goes to standard error."""
    if quiet:
        yield events.ignore
        return
    if not _is_terminal():
        yield _log if verbose else _log_warnings
        return
    from rich.console import Console  # noqa: PLC0415 - costs 50 ms, and only a terminal needs it
    from rich.progress import Progress  # noqa: PLC0415

    from auditor.cli.columns import of_transfers  # noqa: PLC0415

    with Progress(*of_transfers(), console=Console(stderr=True), transient=True) as progress:
        yield Bars(progress, verbose=verbose)


@contextmanager
def counting(*, quiet: bool, verbose: bool) -> "Iterator[Callable[[Step], None]]":
    """A listener for a sweep: a line on standard error for each image, and how far it is where that is a terminal."""
    if quiet or not _is_terminal():
        yield Count(say, quiet=quiet, verbose=verbose)
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", total=None)

        def write(line: str) -> None:
            progress.console.print(printable(line), markup=False, highlight=False)

        count = Count(write, quiet=False, verbose=verbose)

        def draw(step: "Step") -> None:
            count(step)
            progress.update(task, completed=step.number, total=step.count)

        yield draw


class Count:
    """Tells of each image that is done; of those that were done before, how many."""

    def __init__(self, write: Callable[[str], None], *, quiet: bool, verbose: bool) -> None:
        self._write = write
        self._quiet = quiet
        self._verbose = verbose

    def __call__(self, step: "Step") -> None:
        """Tell of one."""
        image = step.image
        if image.verdict == "not-audited":
            self._write(f"{step.number}/{step.count} not audited: {image.error}")
        if self._quiet:
            return
        for event in step.told:
            if (self._verbose or is_warning(event)) and (line := describe(event)):
                self._write(line)
        if image.verdict != "not-audited":
            before = " (done before)" if step.again else ""
            self._write(f"{step.number}/{step.count} {image.name}: {image.verdict.upper()}{before}")


def _is_terminal() -> bool:
    """Whether somebody watches standard error, which may be closed."""
    return sys.stderr is not None and sys.stderr.isatty()


class Bars:
    """A listener that draws. Layers may be read side by side, each in a thread of its own."""

    def __init__(self, progress: "Progress", *, verbose: bool) -> None:
        self._progress = progress
        self._verbose = verbose
        self._tasks: dict[int, TaskID] = {}
        self._platform = ""
        self._lock = threading.Lock()

    def __call__(self, event: events.Event) -> None:
        """Draw one event."""
        with self._lock:
            self._draw(event)

    def _draw(self, event: events.Event) -> None:
        match event:
            case events.ImageStarted(platform):
                self._forget()
                self._platform = f"{platform} "
            case events.ImageRead(platform):
                self._forget()
                self._tasks[_ANALYSIS] = self._progress.add_task(f"{platform} analysing", total=None)
            case events.LayerStarted(index, count, name, size):
                text = f"{self._platform}layer {index + 1}/{count} {name[:_SHOWN_DIGEST]}"
                self._tasks[index] = self._progress.add_task(text, total=size)
            case events.LayerAdvanced(index, read) if index in self._tasks:
                self._progress.update(self._tasks[index], completed=read)
            case events.LayerFinished(index, read) if index in self._tasks:
                self._progress.update(self._tasks.pop(index), completed=read, total=read)
            case events.ImageSpooled(source, received):
                if _SPOOL not in self._tasks:
                    self._tasks[_SPOOL] = self._progress.add_task(f"from {source}", total=None)
                self._progress.update(self._tasks[_SPOOL], completed=received)
            case _ if (self._verbose or is_warning(event)) and (line := describe(event)):
                self._progress.console.print(line, markup=False, highlight=False)

    def _forget(self) -> None:
        """Bars of what is over, and of what was analysed, make room."""
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        self._tasks.clear()


def describe(event: events.Event) -> str:
    """One line for the events that a log keeps; empty for the others."""
    match event:
        case events.SourceTried(source, reason):
            return f"{source}: {reason}"
        case events.SourceChosen(source, reference, digest):
            return f"{reference}: answered by {source}{f', {digest}' if digest else ''}"
        case events.SourcePassedOver(source, reason, taken):
            return f"warning: {source} was not asked ({reason}); audited instead: {taken}"
        case events.Remarked(where, what):
            return f"{where}: {what}"
        case events.Waiting(who, what):
            return f"{who} {what}"
        case events.Retried(where, reason, delay):
            return f"{where}: {reason}; trying again in {delay:.1f} s"
        case _:
            return ""


def is_warning(event: events.Event) -> bool:
    """Whether a person has to know it also without --verbose."""
    return isinstance(event, events.SourcePassedOver | events.Remarked | events.Waiting)


def _log_warnings(event: events.Event) -> None:
    if is_warning(event):
        _log(event)


def _log(event: events.Event) -> None:
    line = describe(event)
    if line:
        say(line)
