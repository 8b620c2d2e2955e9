"""The process of a worker, which a lane starts: it audits what comes until its lane is gone."""

import contextlib
import gc
import os
import queue
import signal
import threading
from multiprocessing.connection import Connection

from auditor.sweep.job import Job, Order
from auditor.sweep.lane import IDLE
from auditor.sweep.one import audit_job, with_cache

_COLLECT_AFTER = 500_000  # as the command itself has it: an audit makes much that lives, and few cycles


def main(descriptor: int) -> None:
    """Audit what comes from there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(_COLLECT_AFTER)
    connection = Connection(descriptor)
    order: Order = with_cache(connection.recv())
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, jobs), daemon=True).start()
    with contextlib.suppress(queue.Empty):
        while True:
            connection.send(audit_job(jobs.get(timeout=IDLE), order))
            # What an image leaves are cycles, all of them young: without this a worker grows by 20 MB an image. What is
            # kept for the next image grows old in the first round, and is not gone through again.
            gc.collect(1)


def _listen(connection: Connection, jobs: "queue.SimpleQueue[Job]") -> None:
    """Take what comes, also while an image is audited: where the sweep is gone, nobody waits for the rest of it."""
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)
