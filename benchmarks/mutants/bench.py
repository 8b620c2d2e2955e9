"""The tests, collected once; for each mistake a child of this process that makes it and lets some of them run."""

import contextlib
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmarks.mutants.change import Functions

_MEMORY = 8 << 30  # a mistake may ask for all there is
_OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist", "-m", "not full")
_BROKEN = 2
NO_END = "no end"


@dataclass(frozen=True)
class Turn:
    """Tests to run, and the seconds of CPU after which they have no end."""

    tests: Sequence[str]
    seconds: float


@dataclass(frozen=True)
class Task:
    """What to change in a child, the turns until a test fails, and who is told which; "" where none does."""

    change: Callable[[Functions], None]
    turns: Iterator[Turn]
    done: Callable[[str], None]


@dataclass(frozen=True)
class _Child:
    task: Task
    turn: Turn
    scratch: Path
    until: float

    @property
    def told(self) -> Path:
        return self.scratch / "failed"


@dataclass(eq=False)
class Bench:
    """A plugin of pytest, which runs tasks instead of the tests one by one."""

    tasks: Iterator[Task]
    jobs: int
    _items: dict[str, pytest.Item] = field(default_factory=dict)
    _children: dict[int, _Child] = field(default_factory=dict)
    _sound: set[str] = field(default_factory=set)  # the tests that failed, and do not where nothing is changed
    _useless: set[str] = field(default_factory=set)  # those that do
    _functions: Functions = field(default_factory=Functions)
    _told: Path | None = None

    def run(self, files: Sequence[str]) -> None:
        """Collect the tests of some files and do the tasks."""
        for path in sorted(Path("auditor").rglob("*.py")):  # those too that are imported when they are needed
            if path.stem != "__main__":
                importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
        code = pytest.main([*_OPTIONS, *files], plugins=[self])
        if code != pytest.ExitCode.OK:
            raise RuntimeError(f"pytest ended with {code!r}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own."""
        self._items = {item.nodeid: item for item in session.items}
        self._functions.look()
        for task in self.tasks:
            self._start(task)
            while len(self._children) >= self.jobs:
                self._wait()
        while self._children:
            self._wait()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a child: the first that fails is all that is asked for."""
        if report.failed and self._told is not None:
            self._told.write_text(report.nodeid)
            os._exit(1)

    def _start(self, task: Task) -> None:
        """The next turn of a task, or its end."""
        turn = next(task.turns, None)
        if turn is None:
            task.done("")
        else:
            self._fork(task, turn)

    def _fork(self, task: Task, turn: Turn) -> None:
        child = _Child(task, turn, Path(tempfile.mkdtemp(prefix="mutant-")), time.monotonic() + 10 * turn.seconds)
        pid = os.fork()
        if pid:
            self._children[pid] = child
            return
        try:
            self._told = child.told
            _be_alone(child.scratch, int(turn.seconds))
            task.change(self._functions)
            useful = self._items.keys() - self._useless
            items = [self._items[name] for name in turn.tests if name in useful]
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            os._exit(0)
        except MemoryError:
            os._exit(1)
        except BaseException as error:
            child.told.write_text(f"{type(error).__name__}: {error}")
        finally:
            os._exit(_BROKEN)

    def _wait(self) -> None:
        """Until a child has ended."""
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid in self._children:
                break
            for late, running in self._children.items():
                if time.monotonic() > running.until:
                    os.kill(late, signal.SIGKILL)
            time.sleep(0.02)
        child = self._children.pop(pid)
        told = child.told.read_text() if child.told.exists() else ""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what it has started
        shutil.rmtree(child.scratch, ignore_errors=True)
        if os.waitstatus_to_exitcode(status) == _BROKEN:
            raise RuntimeError(told)
        if not status:
            self._start(child.task)
        elif told in self._useless and child.task.change is not _nothing:
            self._fork(child.task, child.turn)
        elif told in self._items and told not in self._sound and child.task.change is not _nothing:
            self._try_sound(child, told)
        else:
            child.task.done(told or NO_END)

    def _try_sound(self, child: _Child, test: str) -> None:
        """Whether a test that failed passes where nothing is changed; one that does not is of no use here."""

        def done(failed: str) -> None:
            if failed:
                print(f"fails without any mistake: {test}", file=sys.stderr)
                self._useless.add(test)
                self._fork(child.task, child.turn)
            else:
                self._sound.add(test)
                child.task.done(test)

        self._fork(Task(_nothing, iter(()), done), replace(child.turn, tests=[test]))


def _nothing(_: Functions) -> None:
    """No mistake at all."""


def _be_alone(scratch: Path, seconds: int) -> None:
    """Have a folder, no terminal, and bounds of one's own."""
    os.setsid()
    tempfile.tempdir = None
    os.environ |= {"TMPDIR": str(scratch), "PYTEST_DEBUG_TEMPROOT": str(scratch)}
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
