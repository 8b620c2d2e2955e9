"""`make differential`: damages sound images, each judged by its own loader and by the auditor."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.differential.damage import Vandal
from benchmarks.differential.judge import Agreement, Judgement, Verdict, judge
from benchmarks.differential.scene import open_scene
from benchmarks.paper import TRUTH, write_section
from fixtures.alpine.build import build_alpine
from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.build import build_image
from fixtures.image import BuiltImage
from fixtures.workspace import FixtureError

Counts = Counter[tuple[str, Verdict, Agreement]]


def main() -> int:
    """Run the campaign; 1 where the two judges disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differential", description=__doc__)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=1000, help="damages of each scene")
    parser.add_argument("--scene", action="append", help="SUITE-ARCHITECTURE or alpine; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="scenes at a time")
    parser.add_argument("--all", action="store_true", help="print every damage")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/truth.md")
    options = parser.parse_args()
    names = options.scene or every_scene()
    judge_one = partial(count_scene, seed=options.seed, count=options.count, every=options.all)
    with ProcessPoolExecutor(options.jobs) as pool:
        found = dict(zip(names, pool.map(judge_one, names), strict=True))
    done = [name for name, figures in found.items() if figures]
    counts: Counts = sum(found.values(), Counter())
    figures = table(counts)
    print(figures)
    if options.write:
        command = f"`make differential SEED={options.seed} COUNT={options.count}`: {', '.join(done)}."
        write_section(TRUTH, "differential", f"{command}\n\n{figures}")
    return int(any(agreement in (Agreement.FALSE_PASS, Agreement.FALSE_FAIL) for _, _, agreement in counts))


def count_scene(name: str, seed: str, count: int, *, every: bool) -> Counts:
    """The figures of one scene; none where it can't be tried here. Prints the disagreements, or `every` damage."""
    counts: Counts = Counter()
    try:
        for found in campaign(name, image_of(name), seed, count):
            counts[found.damage.table, found.verdict, found.agreement] += 1
            if every or found.agreement in (Agreement.FALSE_PASS, Agreement.FALSE_FAIL):
                report(name, found)
    except FixtureError as error:
        print(f"{name}: left out: {error}", file=sys.stderr)
    return counts


def every_scene() -> list[str]:
    """All that may be built."""
    return [*(f"{suite}-{arch}" for suite in SUITES for arch in ARCHITECTURES), "alpine"]


def image_of(name: str) -> BuiltImage:
    """The sound image of a scene."""
    if name == "alpine":
        return build_alpine()
    suite, _, architecture = name.partition("-")
    return build_image(suite, architecture)


def campaign(name: str, image: BuiltImage, seed: str, count: int) -> Iterator[Judgement]:
    """So many damages of one image, judged."""
    with open_scene(name, image.tree, image.architecture) as scene:
        for damage in Vandal(scene).damages(seed, count):
            yield judge(scene, damage)


def report(scene: str, found: Judgement) -> None:
    """One damage, in a line."""
    damage = found.damage
    print(
        f"{found.agreement}: {scene} {' '.join(damage.program.argv)}: {Path(damage.path).name} {damage.table}, "
        f"{damage.what} | {found.verdict}: {found.words!r} | {found.problems[:1]!r}",
        flush=True,
    )


def table(counts: Counts) -> str:
    """The figures by what was damaged."""
    rows: dict[str, Counter[str]] = {}
    for (name, verdict, agreement), count in counts.items():
        row = rows.setdefault(name, Counter())
        row["damages"] += count
        row[agreement] += count
        row[verdict] += count
    columns = ("damages", Verdict.REFUSED, Verdict.REFUSED_LATER, Agreement.FALSE_PASS, Verdict.RUNS,
               Agreement.FALSE_FAIL, Agreement.BY_LUCK, Verdict.KILLED, Verdict.OTHERWISE)  # fmt: skip
    total: Counter[str] = sum(rows.values(), Counter())
    lines = [("damaged", *columns), ("--",) * (len(columns) + 1)]
    for name, row in [*sorted(rows.items()), ("all", total)]:
        lines.append((name, *(str(row[column]) for column in columns)))
    return "\n".join("".join(f"| {cell} " for cell in line) + "|" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
