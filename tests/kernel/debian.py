"""Debian's kernels, and what kmod and the shipped config say of them."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.apt import AptRoot
from fixtures.workspace import Unavailable, workspace

META = {
    ("generic", "amd64"): "linux-image-amd64",
    ("generic", "arm64"): "linux-image-arm64",
    ("generic", "ppc64el"): "linux-image-powerpc64le",
    ("generic", "s390x"): "linux-image-s390x",
    ("cloud", "amd64"): "linux-image-cloud-amd64",
    ("cloud", "arm64"): "linux-image-cloud-arm64",
    ("rt", "amd64"): "linux-image-rt-amd64",
    ("rt", "arm64"): "linux-image-rt-arm64",
}
_PARTS = re.compile(r"linux-(?:image|base|binary|modules)-[0-9]\S*")


def kernel_packages(suite: str, architecture: str, flavour: str) -> tuple[Path, ...]:
    """The .deb files that make up the suite's kernel: one, or since 7.x its base, binary and modules."""
    try:
        root = AptRoot(suite, architecture)
        names = _kernel_names(_depends(root.fetch(META[flavour, architecture]).file))
        files = [root.fetch(name).file for name in names]
        if names and names[0].startswith("linux-image") and files[0].stat().st_size < 1 << 20:
            files = [root.fetch(name).file for name in _kernel_names(_depends(files[0]))]
    except Unavailable as error:
        pytest.skip(str(error))
    return tuple(files)


def _kernel_names(depends: str) -> list[str]:
    names = [entry.split()[0].partition(":")[0] for entry in depends.split(",") if entry.strip()]
    return sorted({name for name in names if _PARTS.fullmatch(name)})


def _depends(package: Path) -> str:
    command = ["dpkg-deb", "-f", str(package), "Depends", "Pre-Depends"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return ",".join(line.partition(":")[2] for line in text.splitlines())


@dataclass(frozen=True)
class Unpacked:
    """A kernel's packages unpacked in one root, which has `lib/modules` however they have it."""

    root: Path
    release: str

    @property
    def tree(self) -> Path:
        """The module tree."""
        return self.root / "lib/modules" / self.release

    @property
    def config(self) -> Path:
        """The shipped config."""
        places = (self.root / f"boot/config-{self.release}", self.tree / "config")
        return next(place for place in places if place.exists())

    def depmod(self) -> None:
        """Make the lists that installing the package makes."""
        _run("depmod", "-b", str(self.root), self.release)


@contextmanager
def unpacked(packages: Sequence[Path]) -> Iterator[Unpacked]:
    """Unpack the packages for the time of one test: they are large."""
    for program in ("depmod", "modprobe", "modinfo"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian package kmod)")
    root = workspace() / "kernels" / packages[0].stem
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    try:
        for package in packages:
            subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
        if not (root / "lib").exists():
            (root / "lib").symlink_to("usr/lib")
        (release,) = (entry.name for entry in (root / "lib/modules").iterdir())
        yield Unpacked(root, release)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True)
class Expected:
    """What kmod says of a name: `module` or `built-in`, under which name, and in which file (relative to the root)."""

    kind: str
    provider: str = ""
    path: str = ""


def modprobe(kernel: Unpacked, name: str) -> Expected:
    """What `modprobe --show-depends` would load for `name`; kind `absent` where it fails.

    It prints soft dependencies too, some of them after the module: `--resolve-alias` tells which one is meant.
    """
    command = ["modprobe", "--config", "/dev/null", "--set-version", kernel.release, "-d", str(kernel.root)]
    done = subprocess.run([*command, "--show-depends", name], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:
        return Expected("absent")
    found: dict[str, Expected] = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        place = Path(rest.strip())
        module = place.name.partition(".")[0].replace("-", "_")
        found[module] = Expected("built-in", module) if word == "builtin" else Expected("module", module, _real(place))
    if name.replace("-", "_") in found:
        return found[name.replace("-", "_")]
    resolved = _run(*command, "--resolve-alias", name).split()
    return found[resolved[0].replace("-", "_")]


def _real(place: Path) -> str:
    return str(place.resolve())


def modinfo_field(kernel: Unpacked, name: str, field: str) -> list[str]:
    """`modinfo -b -F`: a field of a module."""
    text = _run("modinfo", "-b", str(kernel.root), "-k", kernel.release, "-F", field, name)
    return text.splitlines()


def modinfo_filename(kernel: Unpacked, name: str) -> str:
    """`modinfo -b -n`: the file, `(builtin)`, or "" where there is no such module."""
    command = ["modinfo", "-b", str(kernel.root), "-k", kernel.release, "-n", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def grep(config: Path, symbol: str) -> str:
    """`y`, `m`, a value, or `n`, as grep finds it in a config."""
    for line in config.read_text().splitlines():
        if line.startswith(f"CONFIG_{symbol}="):
            return line.partition("=")[2]
    return "n"


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
