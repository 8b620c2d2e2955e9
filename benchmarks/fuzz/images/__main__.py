"""`make fuzz-images`: whole images, damaged in every place, audited as a user would."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from benchmarks.fuzz.images.batches import tried
from benchmarks.fuzz.images.sample import samples
from benchmarks.fuzz.images.trial import Trial
from benchmarks.paper import TRUTH, write_section


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit them; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.images", description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--only", type=int, help="the image of that number alone")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/truth.md")
    options = parser.parse_args(arguments)
    sound = tuple(samples())
    numbers = range(options.count) if options.only is None else [options.only]
    found = []
    for trial in tried(sound, numbers, options.seed, options.jobs):
        found.append(trial)
        for fault in trial.faults:
            print(f"{trial.number} ({trial.what}): {fault}", file=sys.stderr, flush=True)
    table = list(_table(found))
    print(*table, sep="\n")
    faults = sum(len(trial.faults) for trial in found)
    print(f"{len(found):,} images, {faults} faults")
    if options.write:
        told = f"`make fuzz-images COUNT={options.count} SEED={options.seed}`: {len(found):,} images."
        write_section(TRUTH, "images", "\n".join([told, "", *table]))
    return int(faults > 0)


def _table(found: Sequence[Trial]) -> Iterator[str]:
    outcomes = "pass | fail | not audited | with unknown rows"
    yield f"| damage | images | {outcomes} | s of the slowest | MiB at the peak | faults |"
    yield "|--|--|--|--|--|--|--|--|--|"
    for kind in (*sorted({trial.kind for trial in found}), "all"):
        these = [trial for trial in found if kind in (trial.kind, "all")]
        counted = [sum(trial.outcome == outcome for trial in these) for outcome in ("pass", "fail", "not audited")]
        cells = [kind, f"{len(these):,}", *(f"{each:,}" for each in counted)]
        cells += [f"{sum(trial.unknown for trial in these):,}", f"{max(trial.seconds for trial in these):.1f}"]
        cells += [str(max(trial.memory for trial in these)), str(sum(len(trial.faults) for trial in these))]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
