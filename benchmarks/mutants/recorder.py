"""A plugin of pytest that says how long each test took: where, as a JSON object, is in MUTANTS_DURATIONS."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

_seconds: dict[str, float] = {}
_not_passed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure the CPU that a test takes, with the processes that it waits for."""
    before = sum(os.times()[:4])
    try:
        return (yield)
    finally:
        _seconds[item.nodeid] = sum(os.times()[:4]) - before


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember which ones do not pass."""
    if not report.passed:
        _not_passed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Say what passed."""
    passed = {name: round(took, 4) for name, took in _seconds.items() if name not in _not_passed}
    Path(os.environ["MUTANTS_DURATIONS"]).write_text(json.dumps(passed))
