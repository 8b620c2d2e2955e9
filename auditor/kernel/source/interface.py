"""What every source of a kernel offers: files under canonical paths, read on demand.

Canonical paths are relative and as in a root file system, wherever the source keeps the file:
`lib/modules/RELEASE/…`, `boot/config-RELEASE`, `boot/vmlinuz-RELEASE`; a config of no known release is `config`,
and a running kernel has `proc/modules` and `proc/sys/kernel/modprobe`.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

MIB = 1 << 20

#: (canonical path, size in bytes) -> whether the file is likely to be read; a source that is read once keeps it.
Keep = Callable[[str, int], bool]


class Files(Protocol):
    """The files of one source."""

    @property
    def architecture(self) -> str:
        """What the source itself says it is for, as in OCI platforms; "" where it says nothing."""

    @property
    def release(self) -> str:
        """The release of the running kernel, of that source; "" elsewhere: the paths tell."""

    def paths(self) -> Collection[str]:
        """The canonical paths of all regular files."""

    def shown(self, path: str) -> str:
        """The path as people know it from the source."""

    def fetch(self, paths: Iterable[str]) -> None:
        """Make ready what is about to be read: where it costs a pass over the source, one for all."""

    def read(self, path: str, limit: int) -> bytes:
        """The file's bytes as stored. LimitExceeded over `limit` bytes, CorruptImage where they can't be read."""


class Source(Protocol):
    """Something that holds a kernel, or a part of one, or several."""

    @property
    def kind(self) -> str:
        """`directory`, `image`, `config`, `kernel image`, `deb`, `rpm`, `host`, `facts`."""

    @property
    def label(self) -> str:
        """The source as people name it, for reports and errors."""

    def open(self, keep: Keep) -> Files:
        """List its files; an AuditError where it can't be read. Nothing is written, loaded or run."""
