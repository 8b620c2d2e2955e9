"""An OCI layout in a directory (OCI image-spec, image-layout.md)."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from auditor.errors import CorruptImage, ImageNotFound, LimitExceeded, SourceUnavailable, UnsupportedFormat
from auditor.image.reference import Reference
from auditor.image.source.interface import Options, Source
from auditor.image.source.layout import Layout


class LayoutDirectory:
    """The files of a layout on disk; only regular ones are opened."""

    counted = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.where = str(path)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self._path / name).is_file()

    def size(self, name: str) -> int | None:
        """A file's length in bytes, None where there is none."""
        try:
            return (self._path / name).stat().st_size
        except OSError:
            return None

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a file that must be there and no longer than `limit`."""
        with self.open(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise LimitExceeded(f"{name} has more than {limit} bytes", self.where, "this is no OCI layout")
        return data

    def open(self, name: str) -> BinaryIO:
        """A file that must be there, to be read from its beginning."""
        try:
            descriptor = os.open(self._path / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # never wait for a pipe
        except FileNotFoundError:
            raise CorruptImage(f"has no {name}", self.where, "the layout is not complete; write it again") from None
        except OSError as error:
            raise SourceUnavailable(
                f"can't read {name} ({error.strerror})", self.where, "check its permissions"
            ) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise CorruptImage(f"{name} is no file", self.where, "write the layout again")
        return os.fdopen(descriptor, "rb", buffering=0)

    def close(self) -> None:
        """Nothing stays open."""


def open_source(reference: Reference, options: Options) -> Source:
    """The layout that the reference names."""
    path = reference.path
    assert path is not None
    if not path.exists():
        raise ImageNotFound("no such directory", str(path), "check the path")
    if not path.is_dir():
        raise UnsupportedFormat("is a file, not a directory", str(path), "use oci-archive: or docker-archive:")
    store = LayoutDirectory(path)
    if not store.has("index.json"):
        raise UnsupportedFormat(
            "has no index.json, so it is no OCI layout", str(path), "use dir: for a root file system"
        )
    return Layout(store, options.limits, "oci-dir")
