"""One audit under a fault, and what must hold of it whatever the fault is."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from auditor.cache.shelf import FOLDER, PART
from benchmarks.hostile.cases import LIBC, LOADER, members
from benchmarks.hostile.elf import Shape, elf
from benchmarks.hostile.images import layout

_SHIM = Path(__file__).with_name("shim.c")
_ARMED = """
import ctypes, os
from auditor.__main__ import main  # what fails before its first line is Python's to tell
ctypes.CDLL(os.environ["LD_PRELOAD"]).fault_arm()
main()
"""
_DPKG = b"Package: ipset\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.17-1\n\n"
_INTERRUPTED = (130, 143)
_SECONDS = 120


class NoCompiler(Exception):
    """There is no C compiler here."""


@dataclass(frozen=True)
class Done:
    """How a run ended: its code (negative: by a signal), what it said, its report, and what it left behind."""

    code: int
    said: str
    report: bytes | None
    left: tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """A folder with an image and a C library that fails on demand."""

    folder: Path

    def prepare(self) -> "Bench":
        """Make what a run needs."""
        for name in ("tmp", "out", "cache", "layout"):
            (self.folder / name).mkdir()
        write_image(self.folder / "layout", self.image, b"one")
        compile_shim(self.shim)
        self.audit({"PYTHONDONTWRITEBYTECODE": "", "AUDIT_IMAGE_CACHE_DIR": str(self.folder / "cache")})
        return self

    @property
    def image(self) -> Path:
        """An OCI archive, compressed as a whole."""
        return self.folder / "image.tar.gz"

    @property
    def shim(self) -> Path:
        """The library."""
        return self.folder / "shim.so"

    @cached_property
    def sound(self) -> Done:
        """The run that nothing disturbs."""
        return self.audit({})

    def start(
        self, fault: Mapping[str, str], *, reference: str = "", output: str = "report.json", cwd: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        """Begin an audit."""
        reference = reference or f"oci-archive:{self.image}"
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment = {
            **kept, "TMPDIR": str(self.folder / "tmp"), "AUDIT_IMAGE_CACHE_DIR": "", "HOME": str(self.folder),
            "LD_PRELOAD": str(self.shim), "PYTHONPYCACHEPREFIX": str(self.folder / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "1", **fault,
        }  # fmt: skip
        command = ["check", reference, "-o", f"json={self.folder / 'out' / output}"]
        return subprocess.Popen(
            [sys.executable, "-c", _ARMED, *command], env=environment, cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self, process: "subprocess.Popen[bytes]", output: str = "report.json") -> Done:
        """Wait for its end, and look at what is there; the folders are empty afterwards."""
        _, said = process.communicate(timeout=_SECONDS)
        file = self.folder / "out" / output
        report = file.read_bytes() if file.exists() else None
        file.unlink(missing_ok=True)
        left = []
        for name in ("tmp", "out"):
            for place in (self.folder / name).iterdir():
                left.append(f"{name}/{place.name}")
                place.unlink()
        for place in self.folder.glob(f"*/{FOLDER}/{PART}*"):
            left.append(place.name)
            place.unlink()
        return Done(process.returncode, said.decode("utf-8", "replace"), report, tuple(left))

    def audit(self, fault: Mapping[str, str], *, reference: str = "", cwd: Path | None = None) -> Done:
        """One audit from its beginning to its end."""
        return self.finish(self.start(fault, reference=reference, cwd=cwd))

    def wrong(
        self, done: Done, *, mute: bool = False, leaves: bool = False, dies: bool = False, sound: Done | None = None
    ) -> str:
        """What must not be; "" where all is well.

        `mute`: the line may have got lost; `leaves`: so may a file's end. `dies`: Python itself may have no memory,
        which it doesn't survive everywhere; what counts then is that there is no other verdict.
        """
        sound = sound or self.sound
        if dies and done.code not in (0, 1):
            return f"exit code {done.code}, and a report" if done.report else ""
        if "Traceback" in done.said and not dies:
            return f"a traceback: {done.said[-500:]}"
        if done.left and not leaves:
            return f"left behind: {', '.join(done.left)}"
        if done.code in (0, 1):
            same = (done.code, done.report) == (sound.code, sound.report)
            return "" if same else f"exit code {done.code} and another report: {done.said}"
        if done.code != 2 and done.code not in _INTERRUPTED:
            return f"exit code {done.code}: {done.said}"
        if done.report is not None:
            return f"exit code {done.code}, and a report"
        lines = done.said.splitlines()
        told = len(lines) == 1 and lines[0].startswith("audit-image: ")
        return "" if told or (mute and not lines) else f"exit code {done.code}, and not one line: {done.said!r}"


def compile_shim(shim: Path) -> None:
    """The failing library; NoCompiler."""
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(_SHIM), "-ldl"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoCompiler(str(error)) from error


def write_image(folder: Path, archive: Path, mark: bytes) -> None:
    """A small image of a program, a library, a loader and two databases; `mark` makes it another one."""
    files = (
        (LOADER, Path(LOADER).read_bytes()),
        (LIBC, Path(LIBC).read_bytes()),
        ("/usr/sbin/ipset", elf(Shape(needs=("libm.so.6",), program=True, symbols=2, relocations=1))),
        ("/lib/x86_64-linux-gnu/libm.so.6", elf(Shape(soname="libm.so.6", symbols=2))),
        ("/var/lib/dpkg/status", _DPKG),
        ("/var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0" + bytes(4080)),
        ("/usr/bin/entry", b"#!/bin/sh\nexec ipset list # " + mark),
    )
    place = layout(folder / mark.decode(), members(files), 1 << 30)
    part = archive.with_suffix(".part")
    with tarfile.open(part, "w:gz", compresslevel=1) as packed:
        packed.add(place, ".")
    part.replace(archive)
