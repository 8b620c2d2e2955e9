"""A folder of the machine: one module tree, a folder of such trees, or a root file system with them inside."""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from auditor.archive.compression import decompress
from auditor.errors import CorruptImage, ImageNotFound, LimitExceeded, SourceUnavailable, UsageError
from auditor.kernel.modinfo import parse_module
from auditor.kernel.names import module_file
from auditor.kernel.source.interface import MIB, Files, Keep
from auditor.kernel.version import RELEASE

_MAX_FILES = 500_000
_MAX_DEPTH = 32
_MODULE_LIMIT = 256 * MIB
_LISTS = ("modules.dep", "modules.builtin", "modules.order", "kernel")


@dataclass(frozen=True)
class DirectorySource:
    """A folder. A release's name in the path tells the kernel; without one, what its modules were built for."""

    folder: Path
    kind: str = field(default="directory", init=False)

    @property
    def label(self) -> str:
        """The folder as it was given."""
        return str(self.folder)

    def open(self, keep: Keep) -> Files:  # noqa: ARG002 - a folder is read file by file
        """List the folder's kernels. UsageError where there is none."""
        files = DirectoryFiles()
        if _is_tree(self.folder):
            release = self.folder.resolve().name
            files.add_tree(self.folder, release if RELEASE.fullmatch(release) else built_for(self.folder))
        else:
            self._add_root(files)
        if not files.paths():
            raise UsageError(
                "no kernel in this folder: no module tree and no config", self.label, "give /lib/modules/RELEASE"
            )
        return files

    def _add_root(self, files: "DirectoryFiles") -> None:
        # A link of the root would lead out of it: /lib is usr/lib there.
        for parent in ("", "lib/modules", "usr/lib/modules"):
            folder = self.folder / parent
            if any((self.folder / part).is_symlink() for part in _parents(parent)):
                continue
            for entry in _entries(folder):
                if RELEASE.fullmatch(entry.name) and entry.is_dir() and _is_tree(Path(entry.path)):
                    files.add_tree(Path(entry.path), entry.name)
        if not (self.folder / "boot").is_symlink():
            for entry in _entries(self.folder / "boot"):
                if entry.name.startswith(("config-", "vmlinuz-", "vmlinux-")) and entry.is_file():
                    files.add(f"boot/{entry.name}", entry.path)


class DirectoryFiles:
    """Canonical paths, each with its place in the machine's file system."""

    architecture = ""
    release = ""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def add(self, path: str, place: str) -> None:
        """Let the canonical `path` stand for the file at `place`."""
        self._places.setdefault(path, place)

    def add_tree(self, folder: Path, release: str) -> None:
        """Add a module tree's files: modules and lists, whatever is linked from it left out."""
        for relative in _walk(folder):
            self.add(f"lib/modules/{release}/{relative}", f"{folder}/{relative}")

    def paths(self) -> Collection[str]:
        """The canonical paths."""
        return self._places.keys()

    def shown(self, path: str) -> str:
        """The place in the file system."""
        return self._places[path]

    def fetch(self, paths: Iterable[str]) -> None:
        """Nothing to make ready."""

    def read(self, path: str, limit: int) -> bytes:
        """The file's bytes."""
        return read_regular(Path(self._places[path]), limit)


def read_regular(place: Path, limit: int) -> bytes:
    """A regular file's bytes, never those of a device or pipe; files of /proc say that their size is 0."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CorruptImage("not a regular file", str(place), "give the file itself")
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ImageNotFound("there is no such file", str(place), "check the path") from error
    except OSError as error:
        raise SourceUnavailable(f"it can't be read: {error.strerror}", str(place), "check its permissions") from error
    if len(data) > limit:
        raise LimitExceeded(f"it is larger than {limit} bytes", str(place), "no kernel's file of this kind is")
    return data


def built_for(folder: Path) -> str:
    """The release that a tree's modules were built for. UsageError where it holds none that says so."""
    for relative in _walk(folder):
        file = module_file(relative)
        if file is not None:
            where = str(folder / relative)
            data = decompress(read_regular(folder / relative, _MODULE_LIMIT), _MODULE_LIMIT, where)
            release = parse_module(data, file[0], where).vermagic.partition(" ")[0]
            if RELEASE.fullmatch(release):
                return release
    raise UsageError("which kernel's modules these are can't be told", str(folder), "name the folder as uname -r does")


def _is_tree(folder: Path) -> bool:
    return any((folder / name).exists() for name in _LISTS)


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/") if path else []
    return ("/".join(parts[: index + 1]) for index in range(len(parts)))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SourceUnavailable(f"it can't be read: {error.strerror}", str(folder), "check its permissions") from error


def _walk(folder: Path) -> Iterator[str]:
    """Relative paths of the regular files below `folder`; linked files are taken, linked folders are not."""
    left = [("", 0)]
    count = 0
    while left:
        prefix, depth = left.pop()
        for entry in _entries(folder / prefix):
            count += 1
            if count > _MAX_FILES or depth > _MAX_DEPTH:
                raise LimitExceeded("the folder has too many files", str(folder), "give one kernel's module tree")
            if entry.is_dir(follow_symlinks=False):
                left.append((f"{prefix}{entry.name}/", depth + 1))
            elif entry.is_file():
                yield prefix + entry.name
