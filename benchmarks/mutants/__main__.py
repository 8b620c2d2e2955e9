"""`make mutants`: mistakes, each made in a process of its own and judged by the quick tests that run its line."""

import argparse
import json
import random
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

from benchmarks.mutants.bench import Bench, Task, Turn
from benchmarks.mutants.equivalent import reason
from benchmarks.mutants.mistake import Mistake, mistakes
from benchmarks.mutants.tried import Tried
from benchmarks.paper import TRUTH, write_section

_ROOMS = ("elf", "rules", "inventory", "image", "tools", "report")
_BUILD = Path("build/mutants")
_TURNS = (1, 5, 20)  # seconds of tests that run before it is looked whether one failed: most do at once


@dataclass(frozen=True)
class Judged:
    """A mistake, and what was said of it: the test that noticed it, or why nobody can."""

    path: Path
    mistake: Mistake
    told: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """The same in each run, wherever its line has gone."""
        return f"{self.path} {self.mistake.place.within} {self.mistake.words}"

    def __str__(self) -> str:
        words = self.told or (f"changes nothing: {self.reason}" if self.reason else "NOT NOTICED")
        return f"{self.path}:{self.mistake.line}: {self.mistake.words}: {words}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make them; 0, however many are noticed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="of all rooms together, as many of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", action="append", choices=_ROOMS, help="may be repeated; default: all")
    parser.add_argument("--seconds", type=int, default=20, help="of CPU, as recorded, of tests for one mistake at most")
    parser.add_argument("--at", default="", help="only those of the sample whose PATH:LINE: begins with this")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/truth.md")
    options = parser.parse_args(arguments)
    rooms = options.room or list(_ROOMS)
    tried = Tried(_BUILD / "tried")
    tried.record(options.jobs)
    chosen = [
        one
        for room in rooms
        for one in sample(room, options.count // len(rooms), options.seed)
        if f"{one[0]}:{one[1].line}:".startswith(options.at)
    ]
    told = {place: Judged(*place, reason=reason(*place)) for place in chosen}
    judging = Judging(tried, _BUILD / "noticed.json", told, options.seconds)
    Bench(judging.tasks(), options.jobs).run([str(file) for file in tried.files])
    judged = {room: [one for one in told.values() if one.path.parts[1] == room] for room in rooms}
    table = "\n".join(
        _table(judged, f"`make mutants COUNT={options.count} SEED={options.seed}`, {options.seconds} s of tests each")
    )
    print(table)
    if options.write:
        write_section(TRUTH, "mutants", table)
    return 0


def possible(room: str) -> list[tuple[Path, Mistake]]:
    """Every mistake that can be made in a room."""
    files = sorted(Path("auditor", room).rglob("*.py"))
    return [(path, mistake) for path in files for mistake in mistakes(path.read_text(encoding="utf-8"))]


def sample(room: str, count: int, seed: int) -> list[tuple[Path, Mistake]]:
    """Some of them, the same for the same seed, whatever other rooms are asked for."""
    every = possible(room)
    chance = random.Random(f"{seed} {room}")  # noqa: S311 - not for secrets
    return chance.sample(every, min(count, len(every)))


@dataclass
class Judging:
    """Hands out one mistake after the other, and takes what was said of it; `memory` holds that of the last time."""

    tried: Tried
    memory: Path
    told: dict[tuple[Path, Mistake], Judged]
    seconds: int

    def tasks(self) -> Iterator[Task]:
        """Each mistake that can be noticed."""
        known = self._known()
        for (path, mistake), judged in self.told.items():
            if judged.reason:
                print(judged, flush=True)
                continue
            tests = self.tried.of(path, mistake)
            tests.sort(key=lambda test: test != known.get(judged.name))
            yield self._task(judged, tests)

    def _known(self) -> dict[str, str]:
        known: dict[str, str] = json.loads(self.memory.read_text()) if self.memory.exists() else {}
        return known

    def _task(self, judged: Judged, tests: list[str]) -> Task:
        path, mistake = judged.path, judged.mistake

        def done(failed: str) -> None:
            self.told[path, mistake] = replace(judged, told=failed)
            part = self.memory.with_suffix(".part")
            part.write_text(json.dumps(self._known() | {judged.name: failed}, indent=0))
            part.replace(self.memory)
            print(self.told[path, mistake], flush=True)

        return Task(lambda functions: functions.make_mistake(path, mistake), self._turns(tests), done)

    def _turns(self, tests: list[str]) -> Iterator[Turn]:
        """As many as their time allows: a few at first, then more."""
        allowed = list(accumulate(tests, lambda spent, test: spent + self.tried.seconds[test], initial=0.0))
        bounds = [0, *(max(1, bisect_right(allowed, min(turn, self.seconds)) - 1) for turn in (*_TURNS, self.seconds))]
        for start, stop in pairwise(bounds):
            turn = tests[start:stop]
            files = list(
                dict.fromkeys(test.partition("::")[0] for test in turn)
            )  # those of a file share what they make
            turn.sort(key=lambda test: files.index(test.partition("::")[0]))
            if turn:
                yield Turn(turn, 30 + 2 * self.tried.shared(turn))


def _table(judged: Mapping[str, list[Judged]], command: str) -> Iterator[str]:
    yield f"{command}:\n"
    yield "| room | mistakes that can be made | tried | change nothing | noticed | % |"
    yield "|--|--|--|--|--|--|"
    for room, told in judged.items():
        yield _row(room, len(possible(room)), told)
    every = [one for told in judged.values() for one in told]
    yield _row("all", sum(len(possible(room)) for room in judged), every)
    for title, chosen in (
        ("Not noticed:", [one for one in every if not one.told and not one.reason]),
        ("Looked at, and nothing that could be noticed:", [one for one in every if one.reason]),
    ):
        if chosen:
            yield f"\n{title}\n"
            yield from (
                f"- `{one.path}`, `{one.mistake.place.within}`: {one.mistake.words}{one.reason and f': {one.reason}'}"
                for one in chosen
            )


def _row(name: str, can_be: int, told: list[Judged]) -> str:
    equivalent, noticed = sum(bool(one.reason) for one in told), sum(bool(one.told) for one in told)
    share = 100 * noticed // max(1, len(told) - equivalent)
    return f"| {name} | {can_be} | {len(told)} | {equivalent} | {noticed} | {share} |"


if __name__ == "__main__":
    sys.exit(main())
