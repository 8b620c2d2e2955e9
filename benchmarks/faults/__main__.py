"""`make faults`: an audit under every fault, one after another."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults.bench import Bench, NoCompiler
from benchmarks.faults.plan import faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them; 1 where one does what it must not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--most", type=int, default=10, help="places of each kind of call")
    parser.add_argument("--only", default="", help="the faults whose name contains this")
    parser.add_argument("--calm", action="store_true", help="no signals, no files that change: the same each time")
    options = parser.parse_args(arguments)
    count = wrong = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        try:
            bench = Bench(Path(scratch)).prepare()
        except NoCompiler as error:
            print(f"not tried: the library that fails on demand can't be compiled ({error})", file=sys.stderr)
            return 2
        if bench.sound.code != 1 or bench.sound.report is None:
            print(f"the run that nothing disturbs fails: {bench.sound}", file=sys.stderr)
            return 2
        for fault in faults(bench, options.most, signals=not options.calm):
            if options.only in fault.name:
                told = fault.trial()
                count += 1
                wrong += bool(told)
                print(f"{fault.name}: {told or 'as it must be'}", flush=True)
    print(f"{count} faults, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
