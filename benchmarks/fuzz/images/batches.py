"""Damaged images, so many in each process and so many processes at once."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing import connection, get_context
from pathlib import Path

from benchmarks.fuzz.images.sample import Sample
from benchmarks.fuzz.images.trial import Bench, Trial

_FAST = Path("/dev/shm")  # noqa: S108 - the name below it is mkdtemp's
_BATCH = 100  # images of one process


def tried(sound: Sequence[Sample], numbers: Sequence[int], seed: int, jobs: int = 1) -> Iterator[Trial]:
    """A hundred in each process, so many processes at once; an image that ends its process is a fault."""
    waiting = [[*numbers[at : at + _BATCH]] for at in range(0, len(numbers), _BATCH)]
    running: list[_Batch] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(_Batch(sound, waiting.pop(0), seed))
        ended = connection.wait([batch.process.sentinel for batch in running])
        done = next(batch for batch in running if batch.process.sentinel in ended)
        running.remove(done)
        trials = done.trials()
        yield from trials
        if left := done.numbers[len(trials) :]:
            yield Trial(left[0], "any", "", "not audited", False, 0, 0, ("its process ended",))
            waiting += [left[1:]] if left[1:] else []


class _Batch:
    """One process and the images that it tries."""

    def __init__(self, sound: Sequence[Sample], numbers: list[int], seed: int) -> None:
        self.numbers = numbers
        self._folder = tempfile.TemporaryDirectory(prefix="images-", dir=_FAST if os.access(_FAST, os.W_OK) else None)
        self._results = Path(self._folder.name) / "results"
        # A new one: a fork begins with the memory of whoever asks, which is none that the audit took.
        work = (Path(self._folder.name), self._results, sound, numbers, seed)
        self.process = get_context("spawn").Process(target=_try, args=work)
        self.process.start()

    def trials(self) -> list[Trial]:
        """What came of them, as far as the process got."""
        self.process.join()
        lines = self._results.read_text().splitlines() if self._results.exists() else []
        self._folder.cleanup()
        return [Trial(**{**values, "faults": tuple(values["faults"])}) for values in map(json.loads, lines)]


def _try(folder: Path, results: Path, sound: Sequence[Sample], numbers: Sequence[int], seed: int) -> None:
    bench = Bench(folder, sound)
    with results.open("w") as file:
        for number in numbers:
            print(json.dumps(dataclasses.asdict(bench.trial(number, seed))), file=file, flush=True)
