"""One worker: a process of its own that audits one image after another, and may be ended at any moment.

The standard library's pools can't end a worker that takes too long, and a process of multiprocessing can't be started
inside a worker of a cluster; so it is a plain process, and what is sent goes through multiprocessing's connection.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from auditor.sweep.job import Done, Job, Order
from auditor.sweep.one import missed

# Nothing of the working directory is imported (-P); the place of this very package comes last.
_START = "import sys; sys.path.append(sys.argv[2]); from auditor.sweep.worker import main; main(int(sys.argv[1]))"
_PLACE = str(Path(__file__).parents[2])
_DYING = 5.0  # seconds: a process that was killed, or closed its end, is gone in a moment
# A worker that nothing was asked of for so long ends itself: whoever started it may be gone, and it can't tell. Half of
# that before, its lane starts another one.
IDLE = 120.0
RECYCLED = 50  # images that one process audits, so that nothing that it holds on to can grow without end


class Lane:
    """A worker. `limit` is how many seconds one image may take, None: as long as it wants."""

    def __init__(self, order: Order, limit: float | None = None) -> None:
        self._order = order
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._audited = 0
        self._used = 0.0
        self._ended = False
        self._lock = threading.Lock()

    def audit(self, job: Job) -> Done:
        """An image audited there. A worker that dies over it or takes too long is its end alone."""
        try:
            connection = self._started()
            connection.send(job)
            if not connection.poll(self._limit):
                self._stop()
                why = f"it took longer than {self._limit:g} s; give it more with --timeout-each"
                return missed(job, self._order, why)
            done: Done = connection.recv()
        except (EOFError, OSError):
            return missed(job, self._order, f"the process that audited it {self._death()}")
        self._used = time.monotonic()
        self._audited += 1
        if self._audited >= RECYCLED:
            self._stop()
        return done

    def end(self) -> None:
        """End it for good, from any thread, whatever it is doing."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_DYING)

    def _started(self) -> Connection:
        died = self._process is not None and self._process.poll() is not None
        if died or time.monotonic() - self._used > IDLE / 2:
            self._stop()
        self._used = time.monotonic()
        if self._connection is not None:
            return self._connection
        ours, theirs = socket.socketpair()
        with ours, theirs, self._lock:
            if self._ended:
                raise EOFError
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and a module of ours
                [sys.executable, "-P", "-c", _START, str(theirs.fileno()), _PLACE],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what a terminal's Ctrl-C ends is the sweep, which then ends this
            )
            self._connection = Connection(ours.detach())
        self._audited = 0
        self._connection.send(self._order)
        return self._connection

    def _stop(self) -> int | None:
        """End the process that runs now; how it ended."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is None:
            return None
        process.kill()
        return process.wait()

    def _death(self) -> str:
        process = self._process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DYING)  # it closed its end: what it died of is known in a moment
        code = self._stop()
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = "; the machine may have run out of memory: try fewer --jobs" if -code == signal.SIGKILL else ""
        return f"was ended by {name}{hint}"
