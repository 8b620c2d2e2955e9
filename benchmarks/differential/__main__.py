"""`make differential`: damages sound images, each judged by its own loader and by the auditor."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.differential.damage import Vandal
from benchmarks.differential.judge import Agreement, Judgement, Verdict, judge
from benchmarks.differential.scene import open_scene
from fixtures.alpine.build import build_alpine
from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.build import build_image
from fixtures.image import BuiltImage
from fixtures.workspace import FixtureError


def main() -> int:
    """Run the campaign; 1 where the two judges disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differential", description=__doc__)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=1000, help="damages of each scene")
    parser.add_argument("--scene", action="append", help="SUITE-ARCHITECTURE or alpine; default: all")
    parser.add_argument("--all", action="store_true", help="print every damage")
    options = parser.parse_args()
    counts: Counter[tuple[str, Verdict, Agreement]] = Counter()
    for name in options.scene or every_scene():
        try:
            image = image_of(name)
            for found in campaign(name, image, options.seed, options.count):
                counts[found.damage.table, found.verdict, found.agreement] += 1
                if options.all or found.agreement in (Agreement.FALSE_PASS, Agreement.FALSE_FAIL):
                    report(name, found)
        except FixtureError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
    table(counts)
    return int(any(agreement in (Agreement.FALSE_PASS, Agreement.FALSE_FAIL) for _, _, agreement in counts))


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


def table(counts: Counter[tuple[str, Verdict, Agreement]]) -> None:
    """The figures by what was damaged."""
    rows: dict[str, Counter[str]] = {}
    for (name, verdict, agreement), count in counts.items():
        row = rows.setdefault(name, Counter())
        row["damages"] += count
        row[agreement] += count
        row[verdict] += count
    columns = ("damages", Verdict.REFUSED, Verdict.REFUSED_LATER, Agreement.FALSE_PASS, Verdict.RUNS,
               Agreement.FALSE_FAIL, Verdict.KILLED, Verdict.OTHERWISE)  # fmt: skip
    print("".join(f"| {column} " for column in ("damaged", *columns)) + "|")
    print("|--" * (len(columns) + 1) + "|")
    total: Counter[str] = sum(rows.values(), Counter())
    for name, row in [*sorted(rows.items()), ("all", total)]:
        print("".join(f"| {cell} " for cell in (name, *(row[column] for column in columns))) + "|")


if __name__ == "__main__":
    sys.exit(main())
