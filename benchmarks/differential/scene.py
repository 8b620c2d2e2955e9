"""A small root file system with a few programs of a sound image and all that they load."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.auditing.load import load
from auditor.elf.linker import Linker
from auditor.elf.model import Closure, Loader
from auditor.filetree import FileTree
from auditor.machine import Architecture, architecture
from benchmarks.differential.room import Outcome, Room
from fixtures.image import PLATFORMS
from fixtures.tree import qemu_for
from fixtures.workspace import Unavailable

#: Programs that are asked for, as far as an image has them, and how each is started without doing anything.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "/usr/sbin/iptables-nft": ("--version",),
    "/usr/sbin/iptables-legacy": ("--version",),
    "/usr/sbin/iptables": ("--version",),
    "/sbin/iptables": ("--version",),
    "/sbin/iptables-legacy": ("--version",),
    "/usr/sbin/ipset": ("--version",),
    "/sbin/ipset": ("--version",),
    "/usr/sbin/conntrack": ("--version",),
    "/sbin/ip": ("-V",),
    "/usr/sbin/ip": ("-V",),
    "/sbin/tc": ("-V",),
    "/usr/bin/ping": ("-V",),
    "/bin/ping": ("-V",),
    "/bin/kmod": ("--version",),
    "/bin/busybox": ("--help",),
    "/sbin/apk": ("--version",),
}
CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True)
class Sound:
    """A program that starts: how, what it prints then, and what it loads."""

    argv: tuple[str, ...]
    outcome: Outcome
    eager: Outcome  # all bound at start
    closure: Closure

    @property
    def files(self) -> tuple[str, ...]:
        """The real paths of all that it is made of, itself first."""
        return tuple(dict.fromkeys(each.real_path for each in self.closure.objects))


@dataclass(frozen=True)
class Scene:
    """The root on disk, the same as the auditor sees it, and a process in it."""

    name: str
    root: Path
    tree: FileTree
    room: Room
    platform: Architecture
    programs: tuple[Sound, ...]
    emulated: bool

    def linker(self, tree: FileTree) -> Linker:
        """A fresh one: nothing remembered."""
        return Linker(tree, machine=self.platform)


def environment(*, eager: bool) -> dict[str, str]:
    """What a program is started with."""
    return {"LC_ALL": "C", **({"LD_BIND_NOW": "1"} if eager else {})}


@contextmanager
def open_scene(name: str, source: Path, debian_architecture: str) -> Iterator[Scene]:
    """A scene from an unpacked image. FixtureError where nothing of it can be run here."""
    platform = architecture(PLATFORMS[debian_architecture][0])
    assert platform is not None
    with TemporaryDirectory(prefix="differential-") as folder:
        sound, root = Path(folder) / "sound", Path(folder) / "root"
        for copy in (sound, root):
            copy.mkdir()
            _copy(source, copy, platform)
        with load(f"dir:{sound}") as image, Room(root, debian_architecture) as room:
            linker = Linker(image.tree, machine=platform)
            programs = tuple(_sound_programs(image.tree, linker, room))
            if not programs:
                raise Unavailable(f"{name}: none of its programs can be started here")
            emulated = qemu_for(debian_architecture) is not None
            yield Scene(name, root, image.tree, room, platform, programs, emulated)


def _copy(source: Path, root: Path, platform: Architecture) -> None:
    """The programs, their closures and the links that lead to them."""
    with load(f"dir:{source}") as image:
        linker = Linker(image.tree, machine=platform)
        paths = {CACHE}
        for program in PROGRAMS:
            if image.tree.find(program).node is not None:
                closure = linker.closure(program)
                paths |= {program, *(each.path for each in closure.objects)}
        for path in sorted(paths):
            found = image.tree.find(path)
            if found.node is not None:
                for place in (*found.links, found.path):
                    _copy_one(source, root, place)


def _copy_one(source: Path, root: Path, path: str) -> None:
    target = Path(f"{root}{path}")
    if target.is_symlink() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(f"{source}{path}", target, follow_symlinks=False)


def _sound_programs(tree: FileTree, linker: Linker, room: Room) -> Iterator[Sound]:
    seen = set()
    for program, arguments in PROGRAMS.items():
        found = tree.find(program)
        if found.node is None or (found.path, program.rpartition("/")[2]) in seen:
            continue
        seen.add((found.path, program.rpartition("/")[2]))
        argv = (program, *arguments)
        outcome, eager = (room.run(argv, environment(eager=bound)) for bound in (False, True))
        closure = linker.closure(program)
        if outcome.code == eager.code == 0 and not closure.problems and closure.loader is not None:
            yield Sound(argv, outcome, eager, closure)


def put(root: Path, path: str, data: bytes | None, mode: int) -> None:
    """Replace a file of a root; a new inode, since the old one may still be running."""
    target = Path(f"{root}{path}")
    target.unlink(missing_ok=True)
    if data is not None:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)


def binds_lazily(closure: Closure) -> bool:
    """Whether the loader leaves calls to be bound when they are made."""
    return closure.loader is Loader.GLIBC
