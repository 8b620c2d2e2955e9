"""A sample of `make faults`: whatever fails under an audit, its verdict is the same, or there is none."""

import shutil
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.faults.bench import Bench, Done
from benchmarks.faults.plan import faults, spread

SOUND = Done(1, "", b"{}", ())


@pytest.mark.full
def test_a_verdict_is_the_same_or_there_is_none(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler to make the library that fails on demand")
    bench = Bench(tmp_path).prepare()
    assert bench.sound.code == 1, bench.sound
    told = {fault.name: fault.trial() for fault in islice(faults(bench, 2, signals=False), 0, None, 6)}
    assert {name: words for name, words in told.items() if words} == {}
    assert len(told) > 10


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (SOUND, ""),
        (Done(1, "", b"[]", ()), "another report"),
        (Done(0, "", b"{}", ()), "another report"),
        (Done(2, "audit-image: no space\n", None, ()), ""),
        (Done(2, "audit-image: no space\naudit-image: b\n", None, ()), "not one line"),
        (Done(2, "", None, ()), "not one line"),
        (Done(2, "audit-image: a\n", b"{}", ()), "a report"),
        (Done(2, "Traceback (most recent call last):\n", None, ()), "a traceback"),
        (Done(2, "audit-image: a\n", None, ("tmp/a",)), "left behind: tmp/a"),
        (Done(-11, "", None, ()), "exit code -11"),
    ],
)
def test_what_must_not_be(done: Done, words: str, tmp_path: Path) -> None:
    told = Bench(tmp_path).wrong(done, sound=SOUND)
    assert words in told
    assert bool(words) == bool(told)


def test_what_python_does_not_survive_is_no_verdict(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.wrong(Done(-11, "", None, ()), dies=True, sound=SOUND) == ""
    assert "a report" in bench.wrong(Done(-11, "", b"{}", ()), dies=True, sound=SOUND)
    assert "another report" in bench.wrong(Done(0, "", b"{}", ()), dies=True, sound=SOUND)


def test_places_are_all_over_a_run_and_most_at_its_end() -> None:
    assert spread(1000, 4) == [1, 251, 501, 751, 998, 999, 1000]
    assert spread(0, 4) == []
