"""`make truth`: programs of real roots, each judged by the root's own loader and by the auditor."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.auditing.load import load
from auditor.elf.linker import Linker
from auditor.elf.read.file import ElfFile
from auditor.filetree import FileKind, FileTree
from auditor.machine import architecture
from benchmarks.differential.__main__ import every_scene, image_of
from benchmarks.differential.room import Room
from benchmarks.paper import TRUTH, write_section
from fixtures.image import PLATFORMS
from fixtures.oracle import oracle
from fixtures.workspace import FixtureError, need
from tests.elf.lab import read_trace
from tests.elf.test_real_images import differences, on_this_machine

EL7 = Path(__file__).resolve().parents[2] / "shared/real/el7"
_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
Row = tuple[str, int, int]  # the root, programs compared, disagreements


def main() -> int:
    """Compare, print, write docs/truth.md; 1 where the two disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--root", action="append", help="el7, alpine or SUITE-ARCHITECTURE; default: all")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.root or ["el7", *(each for each in every_scene() if each != "alpine")]:
        try:
            rows.append((name, *(_el7() if name == "el7" else _image(name))))
            print(*rows[-1], flush=True)
        except FixtureError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
    total = (sum(row[1] for row in rows), sum(row[2] for row in rows))
    lines = ["| root | programs compared | disagreements |", "|--|--|--|"]
    lines += [f"| {name} | {compared} | {wrong} |" for name, compared, wrong in (*rows, ("all", *total))]
    write_section(TRUTH, "truth", "\n".join(lines))
    return int(total[1] > 0)


def _image(name: str) -> tuple[int, int]:
    """An image of the test suite against `ldd` and `ldd -r` of its own loader."""
    image = image_of(name)
    programs = oracle(image).programs
    env = dict(entry.split("=", 1) for entry in image.run.env)
    with load(f"dir:{image.tree}") as audited:
        machine = architecture(PLATFORMS[image.architecture][0])
        linker = Linker(audited.tree, env=env, working_dir=image.run.working_dir or "/", machine=machine)
        wrong = 0
        for path, program in programs.items():
            closure = on_this_machine(linker.closure(path), image.architecture)
            told = differences(program, closure, audited.tree)
            wrong += bool(told)
            if told:
                print(f"{name}: {path}: {told}", file=sys.stderr)
    return len(programs), wrong


def _el7() -> tuple[int, int]:
    """CentOS 7's packages, unpacked into a root, against their own loader (glibc 2.17)."""
    if not EL7.is_dir():
        raise FixtureError(f"no {EL7.name} packages beside the project")
    if os.geteuid() != 0:
        raise FixtureError("only root can install packages into a root")
    rpm = need("rpm", "rpm", "to unpack packages")
    with TemporaryDirectory(prefix="truth-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        options = ["--nodeps", "--noscripts", "--notriggers", "--nosignature", "--nodigest", "--force"]
        packages = sorted(str(path) for path in EL7.glob("*.rpm"))
        first = [each for each in packages if "/filesystem-" in each]  # whose links others write through
        for some in (first, [each for each in packages if each not in first]):
            subprocess.run([rpm, "--root", str(root), *options, "-i", *some], check=True, capture_output=True)
        subprocess.run(["chroot", str(root), "/sbin/ldconfig"], check=True)
        with load(f"dir:{root}") as audited, Room(root, "amd64") as room:
            linker = Linker(audited.tree, machine=architecture("amd64"))
            answers = [_same(linker, room, path) for path in _programs(audited.tree, linker)]
    return len(answers), answers.count(False)


def _programs(tree: FileTree, linker: Linker) -> Iterator[str]:
    for folder in _FOLDERS:
        for name in tree.listdir(folder):
            found = tree.find(f"{folder}/{name}")
            node = found.node
            if found.path != f"{folder}/{name}" or node is None or node.kind is not FileKind.REGULAR:
                continue
            elf = linker.elf(found.path)
            if isinstance(elf, ElfFile) and elf.interpreter and node.mode & 0o111:
                yield found.path


def _same(linker: Linker, room: Room, path: str) -> bool:
    """Whether the loader lists what the auditor found, name by name."""
    closure = linker.closure(path)
    env = {"LC_ALL": "C", "LD_WARN": "yes", "LD_BIND_NOW": "1"}
    trace = read_trace(room.run([path], {**env, "LD_TRACE_LOADED_OBJECTS": "1"}).output, "/")
    if not trace.found:  # a program with capabilities of its own doesn't let itself be traced
        trace = read_trace(room.run([closure.interpreter or "", "--list", path], env).output, "/")
    found = {each.name: each.path for each in closure.objects[1:] if each.found_by != "interpreter"}
    theirs = {name: place for name, place in trace.found if not name.startswith(("/", "linux-vdso"))}
    mine = {name: place for name, place in found.items() if not name.startswith("/")}
    same = mine == theirs and bool(closure.problems) == bool(trace.missing or trace.symbols or trace.versions)
    if not same:
        print(f"el7: {path}: {mine} instead of {trace}", file=sys.stderr)
    return same


if __name__ == "__main__":
    sys.exit(main())
