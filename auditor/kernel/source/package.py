"""Kernel packages: .deb and .rpm. They are read in one pass; what is likely to be needed is kept in memory."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from auditor.archive import REMEDY, ar, rpmfile
from auditor.archive.compression import XZ, chunks, kind_of
from auditor.archive.cpio import read_cpio
from auditor.archive.member import Keep, Member
from auditor.archive.members import read_tar
from auditor.archive.rpmheader import Tag
from auditor.archive.stream import Stream, bounded
from auditor.archive.xzblocks import xz_blocks
from auditor.errors import CorruptImage, ImageNotFound, LimitExceeded, SourceUnavailable, UnsupportedFormat
from auditor.kernel.source.interface import MIB, Files
from auditor.machine import oci_name

_MAX_UNPACKED = 4 << 30  # bytes; the largest of Debian's kernels, without its debug symbols, unpacks to 0.4 GiB
_MAX_CONTROL = 16 * MIB
_MAX_KEPT = 512 * MIB


@dataclass(frozen=True)
class DebSource:
    """A Debian package: an ar archive with a tar archive of the files in it (deb(5))."""

    path: Path
    kind: str = field(default="deb", init=False)

    @property
    def label(self) -> str:
        """The file as it was given."""
        return str(self.path)

    def open(self, keep: Keep) -> Files:
        """Read the package."""
        fields = self._control()
        return PackageFiles(self.label, oci_name(fields.get("Architecture", "")), self._members, keep)

    def _members(self, keep: Keep) -> Iterator[Member]:
        with _opened(self.path) as file:
            data = self._part(file, "data.tar")
            yield from _tar(file, data, keep, _MAX_UNPACKED, self.label)

    def _control(self) -> dict[str, str]:
        with _opened(self.path) as file:
            part = self._part(file, "control.tar")
            for member in _tar(
                file, part, lambda path, size: path == "control" and size < MIB, _MAX_CONTROL, self.label
            ):
                if member.data is not None:
                    lines = member.data.decode("utf-8", "replace").splitlines()
                    pairs = (line.partition(":") for line in lines if line[:1] not in (" ", "\t"))
                    return {key: value.strip() for key, _, value in pairs}
        raise CorruptImage("the package has no control file", self.label, REMEDY)

    def _part(self, file: BinaryIO, name: str) -> ar.ArMember:
        for member in ar.read_ar(file, self.label):
            if member.name == name or member.name.startswith(name + "."):
                return member
        raise CorruptImage(f"the package has no {name}", self.label, REMEDY)


@dataclass(frozen=True)
class RpmSource:
    """An RPM package."""

    path: Path
    kind: str = field(default="rpm", init=False)

    @property
    def label(self) -> str:
        """The file as it was given."""
        return str(self.path)

    def open(self, keep: Keep) -> Files:
        """Read the package."""
        with _opened(self.path) as file:
            header = rpmfile.read_header(file, self.label)
        return PackageFiles(self.label, oci_name(header.text(Tag.ARCH)), self._members, keep)

    def _members(self, keep: Keep) -> Iterator[Member]:
        with _opened(self.path) as file:
            rpmfile.read_header(file, self.label)
            start = file.tell()
            size = file.seek(0, 2) - start
            file.seek(start)
            yield from read_cpio(_stream(file, size, _MAX_UNPACKED, self.label), keep, self.label)


class PackageFiles:
    """A package's files. One that was not kept in the first pass costs another, which `fetch` makes once for all."""

    release = ""

    def __init__(self, label: str, architecture: str, members: Callable[[Keep], Iterator[Member]], keep: Keep) -> None:
        self._label = label
        self._architecture = architecture
        self._members = members
        self._kept: dict[str, bytes] = {}
        self._originals: dict[str, str] = {}
        self._room = _MAX_KEPT
        self._pass(keep)

    @property
    def architecture(self) -> str:
        """What the package's control file or header says."""
        return self._architecture

    def paths(self) -> Collection[str]:
        """The canonical paths."""
        return self._originals.keys()

    def shown(self, path: str) -> str:
        """The path in the package."""
        return "/" + self._originals[path]

    def fetch(self, paths: Iterable[str]) -> None:
        """Read in one pass what was not kept."""
        missing = {path for path in paths if path not in self._kept}
        if missing:
            self._pass(lambda path, _: path in missing)

    def read(self, path: str, limit: int) -> bytes:
        """The file's bytes."""
        self.fetch((path,))
        data = self._kept.get(path)
        if data is None:
            where = f"{self._label}:{self._originals[path]}"
            raise UnsupportedFormat("the file's bytes are not in the package", where, "unpack it and give the folder")
        if len(data) > limit:
            raise LimitExceeded(f"it is larger than {limit} bytes", f"{self._label}:{path}", "no kernel's file is")
        return data

    def _pass(self, keep: Keep) -> None:
        def wanted(path: str, size: int) -> bool:
            if not keep(_canonical(path), size):
                return False
            if size > self._room:
                raise LimitExceeded("the package's files are too large", f"{self._label}:{path}", "no kernel's are")
            self._room -= size
            return True

        for member in self._members(wanted):
            path = _canonical(member.path)
            self._originals[path] = member.path
            if member.data is not None:
                self._kept[path] = member.data


def _canonical(path: str) -> str:
    return path[4:] if path.startswith("usr/lib/modules/") else path


def _tar(file: BinaryIO, part: ar.ArMember, keep: Keep, limit: int, label: str) -> Iterator[Member]:
    file.seek(part.offset)
    return read_tar(_stream(file, part.size, limit, label), keep, label)


def _stream(file: BinaryIO, size: int, limit: int, label: str) -> Stream:
    start = file.tell()
    head = file.read(min(size, 8))
    file.seek(start)
    pieces = xz_blocks(file, size, label) if kind_of(head) == XZ else None
    return Stream(bounded(chunks(file, size, label) if pieces is None else pieces, limit, label))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise ImageNotFound("there is no such file", str(path), "check the path") from error
    except OSError as error:
        raise SourceUnavailable(f"it can't be read: {error.strerror}", str(path), "check its permissions") from error
