"""Whole processes, timed in turns, with the operating system's own account of each."""

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall and processor seconds, peak memory in MiB, exit code."""

    wall: float
    cpu: float
    peak: float
    code: int


def run_once(command: Sequence[str], timeout: float = 600) -> Run:
    """Run a command to its end, its output thrown away."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if wall > timeout:
        raise TimeoutError(f"{command[0]} took {wall:.0f} s")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two commands run in turns, A B A B …, after one warm-up each."""

    first: tuple[Run, ...]
    second: tuple[Run, ...]

    @property
    def ratio(self) -> float:
        """The median of wall A / wall B, pair by pair: holds when the machine's speed drifts."""
        return statistics.median(a.wall / b.wall for a, b in zip(self.first, self.second, strict=True))

    @property
    def cpu_ratio(self) -> float:
        """The same of processor seconds."""
        return statistics.median(a.cpu / b.cpu for a, b in zip(self.first, self.second, strict=True))


def run_pair(first: Sequence[str], second: Sequence[str], runs: int) -> Pair:
    """Time two commands side by side."""
    run_once(first)
    run_once(second)
    pairs = [(run_once(first), run_once(second)) for _ in range(runs)]
    return Pair(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))


def medians(runs: Sequence[Run]) -> tuple[float, float, float]:
    """Median wall seconds, processor seconds and peak MiB."""
    return (
        statistics.median(run.wall for run in runs),
        statistics.median(run.cpu for run in runs),
        statistics.median(run.peak for run in runs),
    )
