"""The workers of a Dask cluster that is there already: the same lines as from this machine's, image by image.

Dask decides who audits what, and gives an image to another worker where one dies. Each thread of its workers has a
process beside it, as a thread of the pool has: so a limit of time holds there too, and nothing of an image stays in the
cluster's own processes.
"""

import logging
import queue
import threading
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from auditor.cache.code import code_version
from auditor.errors import SourceUnavailable, UsageError
from auditor.image.platforms import host_platform
from auditor.sweep.grouping import grouped
from auditor.sweep.job import Done, Job, Order
from auditor.sweep.lane import Lane
from auditor.sweep.one import missed

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT = 10  # seconds
_idle: dict[str, "queue.SimpleQueue[Lane]"] = {}
_idle_lock = threading.Lock()


class Cluster:
    """A cluster by its scheduler's address; an image may take `limit` seconds."""

    def __init__(self, address: str, limit: float | None = None) -> None:
        self._address = address
        self._limit = limit

    def audit(self, jobs: Sequence[Job], order: Order) -> Generator[Done, None, None]:
        """Each image as it is done. UsageError, SourceUnavailable where the cluster can't do it."""
        if not jobs:
            return
        try:
            from distributed import Client, as_completed  # noqa: PLC0415 - an extra of the installation
        except ImportError as error:
            remedy = "install audit-image[dask]"
            raise UsageError(f"a cluster needs dask.distributed ({error})", "--scheduler", remedy) from error
        logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what matters of it is told here
        try:
            client = Client(self._address, timeout=_CONNECT, set_as_default=False, name="audit-image")
        except (OSError, ValueError) as error:  # a TimeoutError is an OSError
            remedy = "give it as tcp://HOST:PORT, and see that it runs"
            raise SourceUnavailable(f"the scheduler does not answer ({error})", self._address, remedy) from error
        try:
            threads = self._threads(client, order)
            waiting = self._submitted(client, threads, jobs, order)
            for future in as_completed(list(waiting), loop=client.loop):
                yield self._done(future, waiting.pop(future), order)
        finally:
            client.close(timeout=1)

    def _threads(self, client: "Client", order: Order) -> list[str]:
        """The address of each worker, as often as it has threads; all of them would say what this machine says."""
        try:
            codes = client.run(decided_by, order)
        except Exception as error:
            what = f"its workers can't audit images ({type(error).__name__}: {error})"
            raise UsageError(what, self._address, "install this audit-image on each of them") from error
        if not codes:
            raise UsageError("the cluster has no worker", self._address, "start some: dask worker ADDRESS")
        other = sorted(worker for worker, code in codes.items() if code != decided_by(order))
        if other:
            what = f"another audit-image, Python or machine is on {', '.join(other[:3])}"
            raise UsageError(what, self._address, "install this one on each worker; --platform where machines differ")
        return [worker for worker, count in sorted(client.nthreads().items()) for _ in range(count)]

    def _submitted(
        self, client: "Client", threads: list[str], jobs: Sequence[Job], order: Order
    ) -> "dict[Future, Job]":
        """Every image, those with a common base to the same worker as long as it is free and alive."""
        return {
            client.submit(
                audit_there,
                job,
                order,
                self._limit,
                decided_by(order),
                workers=[threads[number % len(threads)]],
                allow_other_workers=True,
                pure=False,
            ): job
            for number, group in enumerate(grouped(jobs, len(threads)))
            for job in group
        }

    def _done(self, future: "Future", job: Job, order: Order) -> Done:
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - as above

        try:
            done: Done = future.result()
        except KilledWorker:
            return missed(job, order, "workers of the cluster died over it, one after another")
        except (CancelledError, OSError) as error:
            raise SourceUnavailable("the scheduler went away", self._address, "start it, and sweep again") from error
        except Exception as error:
            return missed(job, order, f"its worker failed: {type(error).__name__}: {error}")
        return done


def decided_by(order: Order) -> str:
    """What decides beside the order: the code, and the machine where its own platform is taken."""
    chosen = order.all_platforms or order.way.platform is not None
    return code_version() if chosen else f"{code_version()} {host_platform()}"


def audit_there(job: Job, order: Order, limit: float | None, code: str) -> Done:
    """One image on a worker of the cluster, by a process that is kept for the next one."""
    if decided_by(order) != code:
        return missed(job, order, "a worker of the cluster has another audit-image or machine; install this one there")
    key = repr((order.judged_by, order.remember, order.way.access, limit))
    with _idle_lock:
        lanes = _idle.setdefault(key, queue.SimpleQueue())
    try:
        lane = lanes.get_nowait()
    except queue.Empty:
        lane = Lane(order, limit)
    try:
        return lane.audit(job)
    finally:
        lanes.put(lane)
