"""Which quick tests run which lines, and how long each takes: recorded once for each file of tests, and kept."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from coverage import CoverageData

from benchmarks.mutants.mistake import Mistake

# The tests of these rooms and of what is made of them. Left out is what compares papers with the code.
_FILES = ("elf", "rules", "inventory", "image", "tools", "report", "diff", "sbom", "spec", "kernel_command", "auditing",
          "cli", "sweep", "test_budget.py")  # fmt: skip
_RECORDED = ("-p", "benchmarks.mutants.recorder", "-p", "no:cacheprovider", "-m", "not full",
             "--cov=auditor", "--cov-context=test", "--cov-report=")  # fmt: skip


@dataclass
class Tried:
    """What was recorded of the code in the current folder."""

    kept: Path
    _lines: dict[Path, dict[int, set[str]]] = field(default_factory=dict)

    def record(self, jobs: int) -> None:
        """Run each file of tests in a process of its own, so that nothing is made only once for all of them."""
        self.kept.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self._record, self.files))

    def _record(self, file: Path) -> None:
        stem = self._stem(file)
        told, part, data = (stem.with_suffix(suffix) for suffix in (".json", ".part", ".coverage"))
        if told.exists():
            return
        print(f"recording {file}", file=sys.stderr, flush=True)
        data.unlink(missing_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *_RECORDED, str(file)], capture_output=True, check=False,
            stdin=subprocess.DEVNULL, env={**os.environ, "COVERAGE_FILE": str(data), "MUTANTS_DURATIONS": str(part)},
        )  # fmt: skip
        part.rename(told)

    @cached_property
    def files(self) -> list[Path]:
        """Of tests."""
        places = [Path("tests", name) for name in _FILES]
        return [file for place in places for file in (sorted(place.rglob("test_*.py")) if place.is_dir() else [place])]

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Of CPU, of each test that passes."""
        told: dict[str, float] = {}
        for file in self.files:
            told |= json.loads(self._stem(file).with_suffix(".json").read_text())
        return told

    def of(self, path: Path, mistake: Mistake) -> list[str]:
        """The tests that can notice a mistake, the quickest first."""
        told = self._by_line(path)
        names = {name for line in mistake.place.lines for name in told.get(line, ())}
        return sorted(names, key=lambda name: (self.seconds[name], name))

    def shared(self, tests: list[str]) -> float:
        """The seconds of all tests of their files: each may be the one that makes what a file's tests share."""
        files = {_file(name) for name in tests}
        return sum(took for name, took in self.seconds.items() if _file(name) in files)

    def _by_line(self, path: Path) -> dict[int, set[str]]:
        """The tests that run each line; all of a file where the line is run for what its tests share."""
        if path not in self._lines:
            lines: dict[int, set[str]] = {}
            for file in self.files:
                data = CoverageData(str(self._stem(file).with_suffix(".coverage")))
                data.read()
                own = {name for name in self.seconds if _file(name) == str(file)}
                for line, contexts in data.contexts_by_lineno(str(path.absolute())).items():
                    for name, _, phase in (context.rpartition("|") for context in contexts):
                        lines.setdefault(line, set()).update(own if phase == "setup" else own & {name})
            self._lines[path] = lines
        return self._lines[path]

    def _stem(self, file: Path) -> Path:
        """What a record is called: by all that it depends on, the tests' helpers in other folders left out."""
        helpers = [path for path in sorted(file.parent.glob("*.py")) if not path.name.startswith("test_")]
        told = hashlib.sha256(self._common.encode())
        for path in (file, *helpers):
            told.update(path.read_bytes())
        return self.kept.absolute() / f"{'-'.join(file.with_suffix('').parts[1:])}-{told.hexdigest()[:16]}"

    @cached_property
    def _common(self) -> str:
        told = hashlib.sha256()
        for folder in ("auditor", "fixtures"):
            for file in sorted(Path(folder).rglob("*.py")):
                told.update(file.read_bytes())
        return told.hexdigest()


def _file(test: str) -> str:
    return test.partition("::")[0]
