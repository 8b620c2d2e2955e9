"""`make mutants`: a sample of mistakes, each in a copy of the code, judged by the tests of its room."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mutants.mistake import made, mistakes

# Which tests are of which room: the quick ones.
_TESTS = {
    "elf": ("tests/elf/test_file.py", "tests/elf/test_ldcache.py", "tests/elf/test_symbols.py",
            "tests/elf/test_hostile.py",
            "tests/elf/test_glibc_rules.py", "tests/elf/test_musl_rules.py", "tests/rules"),
    "rules": ("tests/rules", "tests/spec/test_spec.py", "tests/kernel_command", "tests/auditing"),
    "inventory": ("tests/rules", "tests/inventory"),
    "image": ("tests/image", "tests/test_budget.py"),
    "report": ("tests/report", "tests/diff", "tests/sbom"),
    "tools": ("tests/tools", "tests/rules"),
}  # fmt: skip
_COPIED = ("auditor", "tests", "fixtures", "benchmarks", "docs", "ci")
_SECONDS = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Make them; 0, however many are noticed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", action="append", choices=_TESTS, help="may be repeated; default: all")
    options = parser.parse_args(arguments)
    rooms = options.room or list(_TESTS)
    chance = random.Random(options.seed)  # noqa: S311 - not for secrets
    files = [path for room in rooms for path in sorted(Path("auditor", room).rglob("*.py"))]
    every = [(path, mistake) for path in files for mistake in mistakes(path.read_text(encoding="utf-8"))]
    noticed = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        folder = Path(scratch)
        for name in _COPIED:
            shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in Path().glob("*.*"):
            if path.is_file():
                shutil.copy(path, folder)
        chosen = chance.sample(every, min(options.count, len(every)))
        for path, mistake in chosen:
            sound = path.read_text(encoding="utf-8")
            (folder / path).write_text(made(sound, mistake), encoding="utf-8")
            told = judged(folder, path.parts[1])
            (folder / path).write_text(sound, encoding="utf-8")
            noticed += bool(told)
            print(f"{path}:{mistake.line}: {mistake.words}: {told or 'NOT NOTICED'}", flush=True)
    share = 100 * noticed // max(1, len(chosen))
    print(f"{noticed} of {len(chosen)} noticed ({share} %), of {len(every)} that can be made")
    return 0


def judged(folder: Path, room: str) -> str:
    """The test that fails; "" where none does."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not full", *_TESTS[room]]
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "no end"
    if not done.returncode:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].partition(" - ")[0] if failed else "the tests don't start"


if __name__ == "__main__":
    sys.exit(main())
