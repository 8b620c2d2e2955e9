"""A real image's tree with something taken away or put in, as a folder that can be audited and run."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.inside import Command, Result, run_inside
from fixtures.tree import clone
from fixtures.workspace import Unavailable, workspace
from tests.images import built


@contextmanager
def changed(suite: str, name: str, without: str = "", put: Mapping[str, bytes] | None = None) -> Iterator[Path]:
    """The suite's image on amd64, without the files and links whose names begin so, and with these files."""
    image = built(suite)
    root = workspace() / "changed" / f"{name}-{suite}"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        clone(image.tree, root)
        for folder in ("lib", "usr/lib") if without else ():
            for path in (root / folder).rglob(f"{without}*"):
                path.unlink(missing_ok=True)
        for name_in_root, data in (put or {}).items():
            (root / name_in_root).write_bytes(data)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def inside(root: Path, *argv: str) -> Result:
    """Run a program of the tree in it; the test is skipped where this machine can't."""
    try:
        (result,) = run_inside(root, "amd64", [Command(argv)])
    except Unavailable as error:
        pytest.skip(str(error))
    return result
