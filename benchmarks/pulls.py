"""`python -m benchmarks.pulls`: an audit of an image in a registry, beside the bare download of its blobs.

Between client and registry stands a line of some length and 100 Mbit/s, a process of its own (`benchmarks.link`). The
bare client is a Python process too, its start counted as the audit's is: it asks for manifest and config, then for all
layers at once, over as many connections as there are layers, and throws away what comes.
"""

import argparse
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.__main__ import PAPER, machine
from benchmarks.link import Link, Passed, standing
from benchmarks.paper import write_section
from benchmarks.read_image import PLAIN, PORT, can_be_made, image, layout, registry_with
from benchmarks.timing import Pair, Run, medians, run_once

FAST = 100e6 / 8  # bytes a second
BARE = """
import http.client, json, sys, threading
host, name = sys.argv[1:]
ACCEPT = "application/vnd.oci.image.manifest.v1+json"
def get(path, connection):
    connection.request("GET", f"/v2/{name}/{path}", headers={"Accept": ACCEPT})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return answer
def drop(digest):
    answer = get(f"blobs/{digest}", http.client.HTTPConnection(host))
    room = bytearray(1 << 18)
    while answer.readinto(room):
        pass
first = http.client.HTTPConnection(host)
manifest = json.loads(get("manifests/it", first).read())
threads = [threading.Thread(target=drop, args=(one["digest"],)) for one in manifest["layers"]]
for thread in threads:
    thread.start()
get(f"blobs/{manifest['config']['digest']}", first).read()
for thread in threads:
    thread.join()
"""
HEAD = (
    "| image | round trip | audit s | bare s | ratio | its layout s | before the first byte s | after the last s "
    "| of the bare | CPU s | requests | connections |"
)


class Pulled(NamedTuple):
    """One run, and what went over the line; seconds before the first byte left, and after the last came."""

    run: Run
    passed: Passed
    before: float
    after: float


def main() -> int:
    """A row for each image and length of the line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pulls", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--trips", type=int, nargs="*", default=[0, 20, 100], help="milliseconds there and back")
    parser.add_argument("--images", nargs="*", default=[PLAIN, "full-size", "base"])
    parser.add_argument("--write", action="store_true", help=f"write the figures into {PAPER}")
    options = parser.parse_args()
    if missing := [name for name in ("skopeo", "docker-registry") if not shutil.which(name)]:
        print(f"{' and '.join(missing)} can't be had here: nothing is pulled", file=sys.stderr)
        return 0
    lines = [HEAD, "|--|" + "--|" * (HEAD.count("|") - 2)]
    print(*lines, sep="\n", flush=True)
    for name in filter(can_be_made, options.images):
        for line in rows(name, layout(image(name), "gzip"), options.trips, options.runs):
            lines.append(line)
            print(line, flush=True)
    if options.write:
        write_section(PAPER, "pulls", "\n".join([f"{machine()}; medians of {options.runs} runs.", "", *lines]))
    return 0


def rows(name: str, path: Path, trips: Sequence[int], runs: int) -> Iterator[str]:
    """One image over every line, and over loopback alone."""
    with registry_with(path):
        for trip in trips:
            with standing(PORT, trip / 1000, FAST) as link:
                yield row(f"{name} | {trip} ms", path, link, runs)
        with standing(PORT, 0, 0) as link:
            yield row(f"{name} | no limit", path, link, runs)


def row(name: str, path: Path, link: Link, runs: int) -> str:
    """The audit, the bare client and the audit of the layout, in turns."""
    host = f"127.0.0.1:{link.port}"
    audit = [str(Path(sys.executable).with_name("audit-image")), "check", "--no-cache", "-q"]
    remote = [*audit, "--plain-http", f"registry:{host}/bench:it"]
    bare = [sys.executable, "-c", BARE, host, "bench"]
    pulled(bare, link)
    sides = [(pulled(remote, link), pulled(bare, link), run_once([*audit, f"oci-dir:{path}"])) for _ in range(runs)]
    first, second, third = zip(*sides, strict=True)
    assert {one.run.code for one in second} == {0}, "the bare client failed"
    codes = {run.code for run in (*(one.run for one in first), *third)}
    assert codes <= {0, 1}, f"exit codes {codes}"  # else no answer was timed
    requests = Counter(first[-1].passed.requests)
    assert max(requests.values()) == 1, f"asked twice: {requests}"
    assert all(one.startswith("GET ") for one in requests), f"not only GET: {requests}"
    both = Pair(tuple(one.run for one in first), tuple(one.run for one in second))
    wall, cpu, _ = medians(both.first)
    figures = (
        wall,
        medians(both.second)[0],
        both.ratio,
        medians(third)[0],
        statistics.median(one.before for one in first),
        statistics.median(one.after for one in first),
        statistics.median(one.before + one.after for one in second),
        cpu,
    )
    told = " | ".join(f"{figure:.2f}" for figure in figures)
    return f"| {name} | {told} | {len(requests)} | {first[-1].passed.connections} |"


def pulled(command: Sequence[str], link: Link) -> Pulled:
    """Run a command that pulls over the line."""
    link.passed()
    start = time.monotonic()
    run = run_once(command)
    passed = link.passed()
    return Pulled(run, passed, passed.first - start, start + run.wall - passed.last)


if __name__ == "__main__":
    sys.exit(main())
