"""One file that says something of a kernel: its config, as such or taken out of the kernel image that embeds it."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from auditor.kernel.source.interface import Files, Keep
from auditor.kernel.version import RELEASE

_NAMED = re.compile(r"(?:config|vmlinu[xz]|kernel|bzImage|Image)-(.+?)(?:\.(?:gz|xz|zst|bz2|txt|config))?")


@dataclass(frozen=True)
class FileSource:
    """A config's bytes, decompressed, out of a file that is one (`kind` "config") or embeds one ("kernel image").

    The release is told by the name `config-RELEASE`, by the folder's (`modules/RELEASE/config`), or, of an image,
    by itself: `release`.
    """

    path: Path
    kind: str
    data: bytes = field(repr=False)
    release: str = ""

    @property
    def label(self) -> str:
        """The file as it was given."""
        return str(self.path)

    def open(self, keep: Keep) -> Files:  # noqa: ARG002 - there is one file
        """The file under its canonical path."""
        release = self.release or named_release(self.path)
        return SingleFile(f"boot/config-{release}" if release else "config", self.label, self.data)


class SingleFile:
    """One file whose bytes are at hand."""

    architecture = ""
    release = ""

    def __init__(self, path: str, label: str, data: bytes) -> None:
        self._path = path
        self._label = label
        self._data = data

    def paths(self) -> Collection[str]:
        """Its canonical path."""
        return (self._path,)

    def shown(self, path: str) -> str:  # noqa: ARG002
        """The path as it was given."""
        return self._label

    def fetch(self, paths: Iterable[str]) -> None:
        """Nothing to make ready."""

    def read(self, path: str, limit: int) -> bytes:  # noqa: ARG002 - was read within the bounds of its kind
        """The bytes."""
        return self._data


def named_release(path: Path) -> str:
    """The release that a file's path names; "" where it names none."""
    match = _NAMED.fullmatch(path.name)
    if match is not None and RELEASE.fullmatch(match[1]):
        return match[1]
    parent = path.parent
    if path.name in ("config", "vmlinuz") and parent.parent.name == "modules" and RELEASE.fullmatch(parent.name):
        return parent.name
    return ""
