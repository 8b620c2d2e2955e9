"""No shell script of the Debian packages at hand is refused here that its own shell takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.deb import read_deb
from fixtures.entries import Kind
from fixtures.workspace import workspace
from tests.process.test_real_syntax import GRANTED, LARGEST, compare

SHELL = re.compile(rb"#! ?/(?:usr/)?bin/(?:env )?(?P<name>bash|dash|ash|sh)\b")
LARGEST_PACKAGE = 8 << 20  # kernels and compilers have hardly a script
DIALECTS = {"sh": "dash", "dash": "dash", "bash": "bash", "ash": "ash"}


def scripts() -> dict[str, dict[str, None]]:
    """Every script of the packages that were downloaded for fixtures, by the shell that its first line names."""
    found: dict[str, dict[str, None]] = {}
    packages = sorted(path for kind in ("amd64", "all") for path in (workspace() / "debs").glob(f"*_{kind}.deb"))
    if not packages:
        pytest.skip("no packages were downloaded yet")
    for package in packages:
        if package.stat().st_size > LARGEST_PACKAGE:
            continue
        for data in _files(package):
            first = SHELL.match(data)
            if first and len(data) < LARGEST:
                found.setdefault(DIALECTS[first["name"].decode()], {})[data.decode("latin-1")] = None
    return found


def _files(package: Path) -> Iterator[bytes]:
    deb = read_deb(package)
    yield from deb.control.values()
    yield from (entry.read() for _, entry in deb.files if entry.kind is Kind.FILE)


@pytest.mark.full
def test_scripts_of_packages(tmp_path: Path) -> None:
    found = scripts()
    for shell in ("dash", "bash"):
        texts = [text for text in found[shell] if shell != "bash" or not GRANTED.search(text)]
        assert len(texts) > 20
        compare(shell, texts, tmp_path)
