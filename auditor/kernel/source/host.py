"""The running kernel: uname(2), /proc, its module tree and its config. Nothing is loaded to find out."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from auditor.kernel.source.directory import DirectoryFiles
from auditor.kernel.source.interface import Files, Keep
from auditor.machine import oci_name


@dataclass(frozen=True)
class HostSource:
    """The machine that this runs on; inside a container, what of the host's files is mounted there."""

    root: Path = Path("/")
    release: str = field(default_factory=lambda: os.uname().release)
    machine: str = field(default_factory=lambda: os.uname().machine)
    kind: str = field(default="host", init=False)

    @property
    def label(self) -> str:
        """The running kernel's release."""
        return f"running kernel {self.release}"

    def open(self, keep: Keep) -> Files:  # noqa: ARG002 - the files are read one by one
        """List what there is; a machine of which nothing can be read has no files."""
        files = HostFiles(self.release, oci_name(self.machine))
        for folder in (self.root / "lib/modules" / self.release, self.root / "usr/lib/modules" / self.release):
            if folder.is_dir():
                files.add_tree(folder, self.release)
                break
        config = f"boot/config-{self.release}"
        for place in ("proc/config.gz", config):
            if _has_bytes(self.root / place):  # a sandbox may have an empty one
                files.add(config, str(self.root / place))
                break
        for place in ("proc/modules", "proc/sys/kernel/modprobe"):
            if (self.root / place).is_file():
                files.add(place, str(self.root / place))
        return files


def _has_bytes(path: Path) -> bool:
    """Whether there is such a file with something in it; what /proc says of sizes doesn't tell."""
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


class HostFiles(DirectoryFiles):
    """A running machine's files."""

    def __init__(self, release: str, architecture: str) -> None:
        super().__init__()
        self.release = release
        self.architecture = architecture
