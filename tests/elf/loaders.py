"""The real loaders of glibc at hand: this machine's, and those of Debian's suites."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.elf.linker import Linker
from tests.elf.dirtree import DirTree

INTERPRETER = "/lib64/ld-linux-x86-64.so.2"
OLDER = (2, 31)  # the version of a loader that doesn't show one


@dataclass(frozen=True)
class RealLoader:
    """A loader's file and its glibc version."""

    path: Path
    version: tuple[int, int]


def own_loader() -> Path:
    path = Path(INTERPRETER)
    if not path.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    return path


def suite_loader(suite: str) -> Path:
    from fixtures.build import build_image  # noqa: PLC0415 (not needed by the quick suite)
    from fixtures.workspace import Unavailable  # noqa: PLC0415

    try:
        tree = build_image(suite, "amd64").tree
    except Unavailable as error:
        pytest.skip(f"no image of {suite}: {error}")
    real_path = DirTree(tree).find(INTERPRETER).path
    return tree / real_path.lstrip("/")


def real_loader(name: str) -> RealLoader:
    """The loader of a suite, or this machine's `own`; skips where there is none."""
    path = own_loader() if name == "own" else suite_loader(name)
    profile = Linker(DirTree(Path("/"))).profile(str(path))
    assert profile is not None
    return RealLoader(path, profile.version or OLDER)
