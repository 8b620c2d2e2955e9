"""Every reader of what others wrote, on what the fuzzer begins with, and fuzzed for a moment."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from auditor.errors import AuditError
from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.names import NAMES
from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.world import scratch
from tests.house.papers import ROOT

# What the seeds of these are: half of a whole, or a server that refuses.
REFUSED = ("archive", "registry", "docker-daemon")


@pytest.mark.parametrize("name", NAMES)
def test_what_the_fuzzer_begins_with_is_sound(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch.cache_clear()
    reader = READERS[name]
    for seed in reader.seeds():
        assert len(seed) <= reader.longest
        try:
            reader.read(seed)
        except AuditError:
            if name not in REFUSED:
                raise


def test_json_is_damaged_by_its_values() -> None:
    sound = b'{"a": [1, {"b": "c"}], "d": null}'
    made = {damaged(sound, 500, seed) for seed in range(200)}
    assert len(made) > 100
    assert damaged(b"no json", 500, 1) is None


def test_the_same_damage_is_done_whatever_was_damaged_before() -> None:
    sound = b'{"a": [1, {"b": "c"}], "d": null}'
    first = [damaged(sound, 500, seed) for seed in range(200)]
    for seed in range(3_000):
        damaged(sound, 500, seed)
    assert [damaged(sound, 500, seed) for seed in range(200)] == first


@pytest.mark.full
def test_nothing_but_an_error_of_one_line_comes_out(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("there is no atheris for this machine and Python")
    command = [sys.executable, "-m", "benchmarks.fuzz", "--executions", "10000", "--seed", "1"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"of {len(NAMES)} readers, 0 faults" in done.stdout
