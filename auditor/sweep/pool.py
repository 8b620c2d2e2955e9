"""The workers of this machine: a pool of the standard library, each thread of which has a process beside it."""

import queue
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

from auditor.sweep.grouping import grouped
from auditor.sweep.job import Done, Job, Order
from auditor.sweep.lane import Lane


class Pool:
    """So many workers; an image may take `limit` seconds."""

    def __init__(self, workers: int, limit: float | None = None) -> None:
        self._workers = workers
        self._limit = limit

    def audit(self, jobs: Sequence[Job], order: Order) -> Generator[Done, None, None]:
        """Each image as it is done. Whoever stops listening ends the workers."""
        groups = grouped(jobs, self._workers)
        lanes = [Lane(order, self._limit) for _ in range(min(self._workers, len(groups)))]
        idle: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for lane in lanes:
            idle.put(lane)
        results: queue.SimpleQueue[Done | BaseException] = queue.SimpleQueue()

        def run(group: tuple[Job, ...]) -> None:
            lane = idle.get()
            try:
                for job in group:
                    results.put(lane.audit(job))
            except BaseException as error:
                results.put(error)
            finally:
                idle.put(lane)

        if not lanes:
            return
        threads = ThreadPoolExecutor(len(lanes))
        try:
            for group in groups:
                threads.submit(run, group)
            for _ in jobs:
                done = results.get()
                if isinstance(done, BaseException):
                    raise done
                yield done
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for lane in lanes:
                lane.end()
