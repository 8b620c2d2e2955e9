"""Which images one worker audits after another: those that stand on the same base.

Images are sorted by their layers, so that those with the longest common base are neighbours, and cut where not even
the lowest layer is the same. A base that most images share would leave all of them to one worker: no group is larger
than half of a worker's fair share.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from auditor.sweep.job import Job


def grouped(jobs: Sequence[Job], workers: int) -> tuple[tuple[Job, ...], ...]:
    """The jobs in groups, the largest first."""
    share = max(1, -(-len(jobs) // (2 * workers)))
    order = sorted(jobs, key=lambda job: job.layers)  # those of unknown layers first, in their own order
    groups = [
        part for _, alike in groupby(order, key=lambda job: job.layers[:1]) for part in _parts(tuple(alike), share)
    ]
    return tuple(sorted(groups, key=len, reverse=True))


def _parts(jobs: tuple[Job, ...], share: int) -> Iterator[tuple[Job, ...]]:
    size = share if jobs[0].layers else 1  # of unknown layers nothing is known to be shared
    return (jobs[at : at + size] for at in range(0, len(jobs), size))
