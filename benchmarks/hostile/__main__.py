"""`make hostile`: each known breaker as a whole, audited by the command line in a process of its own."""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile.cases import CASES
from benchmarks.paper import TRUTH, write_section

_MIB = 1 << 20
_STORED, _MEMORY, _SECONDS = 64, 512, 20.0  # what is promised: MiB stored, MiB at most, seconds of CPU
_TIMEOUT = 900
# The high-water mark of the process itself: what wait4(2) says begins with the parent's.
_MEASURED = """
import os, sys
from auditor.cli.main import run
taken = sys.argv.pop(1)
code = run(sys.argv[1:])
with open("/proc/self/status") as file:
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
used = os.times()
with open(taken, "w") as file:
    print(peak, used.user + used.system + used.children_user + used.children_system, file=file)
sys.stdout.flush()
os._exit(code)
"""


@dataclass(frozen=True)
class Taken:
    """What one audit took: MiB stored, MiB at its peak, seconds of CPU; its exit code and last words."""

    stored: float
    peak: float
    cpu: float
    code: int
    words: str

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return self.code in (0, 1, 2) and self.peak < _MEMORY and self.cpu < _SECONDS


def main() -> int:
    """Run them; 1 where one takes more than is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--only", default="", help="the cases whose name contains this")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/truth.md")
    options = parser.parse_args()
    lines = ["| input | MiB stored | MiB at the peak | s of CPU | exit code |", "|--|--|--|--|--|"]
    broken = 0
    for name in CASES:
        if options.only in name:
            taken = measure(name)
            broken += not taken.kept
            line = f"| {name} | {taken.stored:.1f} | {taken.peak:.0f} | {taken.cpu:.1f} | {taken.code} |"
            lines.append(line)
            print(line, "" if taken.kept else "TOO MUCH", taken.words, flush=True)
    if options.write:
        write_section(TRUTH, "hostile", "\n".join(lines))
    return int(broken > 0)


def measure(name: str) -> Taken:
    """Make one and audit it."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        folder = Path(scratch)
        (folder / "input").mkdir()
        command = CASES[name](folder / "input")
        stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        try:
            done = subprocess.run(
                [sys.executable, "-c", _MEASURED, str(folder / "taken"), *command],
                capture_output=True, check=False, timeout=_TIMEOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, "AUDIT_IMAGE_CACHE_DIR": ""},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Taken(stored / _MIB, 0, _TIMEOUT, -1, "no answer")
        words = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines() or [""]
        if not (folder / "taken").exists():
            return Taken(stored / _MIB, 0, 0, done.returncode, words[-1][:200])
        peak, cpu = (folder / "taken").read_text().split()
        return Taken(stored / _MIB, int(peak) / 1024, float(cpu), done.returncode, words[-1][:200])


if __name__ == "__main__":
    sys.exit(main())
