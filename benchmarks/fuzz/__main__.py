"""`make fuzz`: every reader in turn, as many executions in all as are asked for."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.names import NAMES, SLOW
from benchmarks.fuzz.one import fuzzed
from benchmarks.paper import TRUTH, write_section

_STATS = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
_MEMORY = 512  # MiB, as an audit promises
_SLOW = 5  # seconds from which on an input is kept
_HANG = 60  # seconds for one input, of which a sound reader takes a thousandth
_BROKEN = ("crash-", "oom-", "timeout-", "leak-")  # how libFuzzer names what ends it
_FAST = Path("/dev/shm")  # noqa: S108 - the name below it is mkdtemp's
_KEPT = Path("build/fuzz")


@dataclass(frozen=True)
class Outcome:
    """What fuzzing one reader came to."""

    name: str
    executions: int
    memory: int  # MiB
    slowest: int  # seconds, whole
    faults: tuple[str, ...]

    @property
    def line(self) -> str:
        """A row of a table."""
        return f"| {self.name} | {self.executions:,} | {self.memory} | {self.slowest} | {len(self.faults)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; 1 where one does what it must not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--executions", type=int, default=100_000, help="of all readers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the readers whose name contains this")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/truth.md")
    options = parser.parse_args(arguments)
    names = [name for name in NAMES if options.only in name]
    if not names:
        parser.error(f"no reader has {options.only!r} in its name")
    shares = {name: 1 if name in SLOW else 10 for name in names}
    lines = ["| reader | executions | MiB at the peak | s of the slowest input | faults |", "|--|--|--|--|--|"]
    print(*lines, sep="\n", flush=True)
    outcomes = []
    for name in names:
        outcome = fuzz(name, max(1, options.executions * shares[name] // sum(shares.values())), options.seed)
        outcomes.append(outcome)
        lines.append(outcome.line)
        print(outcome.line, flush=True)
        for fault in outcome.faults:
            print(fault, file=sys.stderr, flush=True)
    total = sum(outcome.executions for outcome in outcomes)
    faults = sum(len(outcome.faults) for outcome in outcomes)
    print(f"{total:,} executions of {len(outcomes)} readers, {faults} faults")
    if options.write:
        told = f"`make fuzz EXECUTIONS={options.executions} SEED={options.seed}`: {total:,} executions."
        write_section(TRUTH, "fuzz", "\n".join([told, "", *lines]))
    return int(faults > 0)


def fuzz(name: str, executions: int, seed: int) -> Outcome:
    """One reader in a process of its own; what breaks it is kept in build/fuzz."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_FAST if os.access(_FAST, os.W_OK) else None) as scratch:
        folder = Path(scratch)
        limits = (f"-rss_limit_mb={_MEMORY}", f"-timeout={_HANG}", f"-report_slow_units={_SLOW}")
        asked = (f"-runs={executions}", f"-seed={seed}", "-print_final_stats=1", "-verbosity=0")
        code, words = fuzzed(name, folder, (*limits, *asked))
        stats = {key: int(value) for key, value in _STATS.findall(words)}
        faults = [_kept(name, place) for place in sorted((folder / "faults").glob("*")) if not place.suffix]
        faults += [_kept(name, place) for place in sorted(folder.iterdir()) if place.name.startswith(_BROKEN)]
        for place in sorted(folder.glob("slow-unit-*")):
            print(_kept(name, place), file=sys.stderr, flush=True)
        if code and not faults:
            faults.append(f"{name} ended with {code}: {words[-2000:]}")
        return Outcome(
            name,
            stats.get("number_of_executed_units", 0),
            stats.get("peak_rss_mb", 0),
            stats.get("slowest_unit_time_sec", 0),
            tuple(faults),
        )


def _kept(name: str, place: Path) -> str:
    """Move what broke a reader to where it stays, and say why."""
    folder = _KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / place.name).write_bytes(place.read_bytes())
    told = place.with_suffix(".txt")
    why = told.read_text().strip() if told.exists() else "it took too long or too much"
    return f"{folder / place.name}: {why}"


if __name__ == "__main__":
    sys.exit(main())
