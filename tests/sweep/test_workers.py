"""Workers: who audits what, and what becomes of one that dies or takes too long."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from auditor.auditing.named import Way
from auditor.auditing.terms import Terms
from auditor.image import Reference, parse
from auditor.spec import load_spec
from auditor.sweep import Order
from auditor.sweep.grouping import grouped
from auditor.sweep.job import Done, Job
from auditor.sweep.lane import Lane
from auditor.sweep.pool import Pool
from tests.sweep.made import layout


def order() -> Order:
    return Order(Terms(load_spec()), Way(), remember=False)


def job(*layers: str, name: str = "x") -> Job:
    return Job((parse(f"registry:{name}"),), None, layers)


@pytest.mark.parametrize(
    ("bases", "workers", "groups"),
    [
        ("aabb", 1, ["aa", "bb"]),
        ("abab", 1, ["aa", "bb"]),
        ("aaaa", 2, ["a", "a", "a", "a"]),
        ("aaaaaaaa", 2, ["aa", "aa", "aa", "aa"]),
        ("aaaab", 1, ["aaa", "a", "b"]),
        ("  ", 1, [" ", " "]),  # nothing is known of their layers
        ("", 4, []),
    ],
)
def test_images_with_a_common_base_go_to_one_worker(bases: str, workers: int, groups: list[str]) -> None:
    jobs = [job(*([base, str(number)] if base.strip() else [])) for number, base in enumerate(bases)]
    made = grouped(jobs, workers)
    assert ["".join(one.layers[0] if one.layers else " " for one in group) for group in made] == groups
    assert sorted(map(id, (one for group in made for one in group))) == sorted(map(id, jobs))


def test_longer_common_bases_are_neighbours() -> None:
    jobs = [job("a", "b", "1"), job("a", "c", "2"), job("a", "b", "3"), job("a", "c", "4")]
    (first, second) = grouped(jobs, 1)
    assert [one.layers[1] for one in (*first, *second)] == ["b", "b", "c", "c"]


class _Ends:
    """What ends the worker that reads it: it comes back as the call of a function."""

    text = "calico/node:bad"

    def __init__(self, call: Callable[[int], object], value: int) -> None:
        self._call, self._value = call, value

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return self._call, (self._value,)


def bad(call: Callable[[int], object], value: int) -> Job:
    return Job((cast(Reference, _Ends(call, value)),))


def told(done: Done) -> tuple[str, str]:
    (line,) = map(json.loads, done.lines)
    return line["verdict"], line["error"]


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (bad(os._exit, 3), "the process that audited it ended with exit code 3"),
        (bad(signal.raise_signal, signal.SIGSEGV), "the process that audited it was ended by SIGSEGV"),
        (bad(signal.raise_signal, signal.SIGKILL), "was ended by SIGKILL; the machine may have run out of memory"),
    ],
)
def test_a_worker_that_dies_ends_one_image(ending: Job, words: str, tmp_path: Path) -> None:
    (name,) = layout(tmp_path / "image", 1)
    lane = Lane(order())
    try:
        verdict, error = told(lane.audit(ending))
        assert verdict == "not-audited"
        assert words in error
        assert told(lane.audit(Job((parse(name),))))[0] == "fail"
    finally:
        lane.end()


def test_an_image_that_takes_too_long_ends_alone(tmp_path: Path) -> None:
    (name,) = layout(tmp_path / "image", 1)
    lane = Lane(order(), 0.01)
    try:
        assert told(lane.audit(Job((parse(name),)))) == (
            "not-audited",
            "it took longer than 0.01 s; give it more with --timeout-each",
        )
    finally:
        lane.end()


def test_a_pool_gives_all_results_and_ends_its_workers_when_nobody_listens(tmp_path: Path) -> None:
    names = layout(tmp_path / "images", 4)
    jobs = [*(Job((parse(name),), None, (name,)) for name in names), bad(os._exit, 1)]
    results = Pool(2).audit(jobs, order())
    first = next(results)
    assert len([first, *results]) == 5
    stopped = Pool(2).audit(jobs, order())
    next(stopped)
    stopped.close()


def test_nothing_of_the_working_directory_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = layout(tmp_path / "image", 1)
    (tmp_path / "queue.py").write_text("raise SystemExit('this is the image')")
    monkeypatch.chdir(tmp_path)
    lane = Lane(order())
    try:
        assert told(lane.audit(Job((parse(name),))))[0] == "fail"
    finally:
        lane.end()


def test_a_worker_that_died_while_it_was_idle_is_replaced(tmp_path: Path) -> None:
    (name,) = layout(tmp_path / "image", 1)
    lane = Lane(order())
    try:
        for _ in range(2):
            assert told(lane.audit(Job((parse(name),))))[0] == "fail"
            assert lane._process is not None
            lane._process.kill()
            lane._process.wait()
    finally:
        lane.end()
