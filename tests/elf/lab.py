"""A root with a real loader in it, the cases' files around it, and both judges of what starts there."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, LoadFault
from tests.elf.case import Case
from tests.elf.chamber import Chamber, Outcome
from tests.elf.dirtree import DirTree
from tests.elf.forge import Forge

_HASWELL = frozenset(("avx2", "bmi1", "bmi2", "abm", "movbe", "popcnt"))  # of /proc/cpuinfo

_FOUND = re.compile(r"^\t(\S.*) => (/.*) \(0x[0-9a-f]+\)$")
_MISSING = re.compile(r"^\t(\S.*) => not found$")
_DIRECT = re.compile(r"^\t(/.*) \(0x[0-9a-f]+\)$")
_SYMBOL = re.compile(r"undefined symbol: ([^\s,]+(?:, version \S+)?)\s+\((\S+)\)$")
_VERSION = re.compile(r"^\S+: (\S+: version `\S+' not found \(required by \S+\))$")


@dataclass(frozen=True)
class Trace:
    """What the loader said: names and paths in load order, what is missing, symbols, versions, and other lines."""

    found: tuple[tuple[str, str], ...]
    missing: frozenset[str]
    symbols: frozenset[tuple[str, str]]
    versions: frozenset[str]
    other: tuple[str, ...]


def read_trace(text: str, cwd: str) -> Trace:
    """Parse it. Relative paths are made absolute, as they are told by the auditor."""
    found: list[tuple[str, str]] = []
    missing, symbols, versions = set(), set(), set()
    other = []
    for line in text.splitlines():
        if re.match(r"^\tlinux-vdso\S* \(0x", line) or line.strip() in ("", "statically linked"):
            continue
        if match := _FOUND.match(line):
            found.append((match[1], match[2]))
        elif match := _MISSING.match(line):
            missing.add(match[1])
        elif match := _DIRECT.match(line):
            found.append((match[1], match[1]))
        elif match := re.match(r"^\t(\S.*) => (.*) \(0x[0-9a-f]+\)$", line):
            found.append((match[1], str(Path(cwd) / match[2])))
        elif match := re.match(r"^\t(\S.*) \(0x[0-9a-f]+\)$", line):
            found.append((match[1], str(Path(cwd) / match[1])))
        elif match := _SYMBOL.search(line):
            symbols.add((match[1], match[2]))
        elif match := _VERSION.match(line):
            versions.add(match[1])
        else:
            other.append(line)
    return Trace(tuple(found), frozenset(missing), frozenset(symbols), frozenset(versions), tuple(other))


def lay_out(root: Path, case: Case, forge: Forge, loader: Path) -> None:
    """Write a case's files."""
    for folder in ("proc", "lib64", "lib", "usr/lib/x86_64-linux-gnu", "etc", "bin", case.cwd.lstrip("/") or "bin"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    place(root, case.loader).write_bytes(patched(loader.read_bytes(), case.patches))
    (root / case.loader.lstrip("/")).chmod(0o755)
    for folder in case.folders:
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path, data in case.files.items():
        place(root, path).write_bytes(data)
    for binary in case.binaries:
        target = place(root, binary.path)
        target.write_bytes(forge.make(binary))
        target.chmod(binary.mode)
    for path, target_path in case.links.items():
        place(root, path).symlink_to(target_path)
    for path, target_path in case.hard_links.items():
        place(root, path).hardlink_to(root / target_path.lstrip("/"))
    if case.set_gid:
        start = root / case.start.lstrip("/")
        os.chown(start, 0, 1)
        start.chmod(0o2755)


def patched(loader: bytes, patches: Mapping[bytes, bytes]) -> bytes:
    """A loader with other strings compiled in: what a differently configured glibc looks for, this one looks for."""
    for old, new in patches.items():
        assert old in loader and len(new) <= len(old)
        loader = loader.replace(old, new.ljust(len(old), b"\0"))
    return loader


def place(root: Path, path: str) -> Path:
    """Where a path of the root is, its directory made."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def closure_of(root: Path, case: Case) -> Closure:
    """The auditor's answer."""
    return Linker(DirTree(root), env=case.env, working_dir=case.cwd).closure(case.start)


def on_this_cpu(closure: Closure) -> Closure:
    """The answer for a CPU of the kind that this machine has: glibc's own name for some of Intel's (cpu-features.c)."""
    about = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    flags = re.search(r"^flags\s*:(.*)$", about, re.MULTILINE)
    if "GenuineIntel" not in about or flags is None or not _HASWELL.issubset(flags[1].split()):
        return closure
    return next((each for each in closure.variants if each.variant == "haswell"), closure)


def start(chamber: Chamber, root: Path, case: Case, extra: Mapping[str, str]) -> Outcome:
    """Start the case's program for real."""
    return chamber.run(root, [case.start], {"LC_ALL": "C", **case.env, **extra}, case.cwd)


def told_by(closure: Closure) -> Trace:
    """The auditor's answer in the loader's form; the loader's own messages in `other`."""
    missing, symbols, versions = set(), set(), set()
    other = []
    for problem in closure.problems:
        if problem.fault is LoadFault.LIBRARY_MISSING:
            missing.add(problem.name)
        elif problem.fault is LoadFault.SYMBOL_MISSING:
            symbols.add((problem.message.partition("undefined symbol: ")[2], problem.path))
        elif problem.fault is LoadFault.SYMBOL_VERSION_MISSING and "not found (required" in problem.message:
            versions.add(problem.message)
        else:
            other.append(problem.message)
    found = tuple(
        (each.name, each.path) for each in closure.objects[1:] if each.found_by != "interpreter" or each.needed_by
    )
    return Trace(found, frozenset(missing), frozenset(symbols), frozenset(versions), tuple(other))
