"""Layers merge to what a container of a real Docker daemon with its overlay driver sees."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.image.build import Member, docker_archive, file, folder, link, opaque, tar, whiteout
from tests.image.servers import Daemon, needs, real_dockerd, run
from tests.image.test_merge import merged, show

pytestmark = pytest.mark.full

LOWER_LINK = [file("usr/lib/x", "1"), link("lib", "usr/lib")]
CASES: dict[str, list[list[Member]]] = {
    "a name below a link of a lower layer": [LOWER_LINK, [file("lib/y", "2")]],
    "a directory in place of a link": [LOWER_LINK, [folder("lib"), file("lib/y", "2")]],
    "a whiteout below a link of a lower layer": [LOWER_LINK, [whiteout("lib/x")]],
    "a name below a link of the same layer": [[folder("usr/lib"), link("lib", "usr/lib"), file("lib/y", "2")]],
    "a name below a file of a lower layer": [[file("a", "1")], [file("a/b", "2")]],
    "a link in place of a directory": [[file("a/x", "1"), file("b/y", "2")], [link("a", "b")]],
    "a file in place of a directory": [[file("a/x", "1")], [file("a", "2")]],
    "opaque, first": [[file("a/old", "x")], [folder("a"), opaque("a"), file("a/new", "y")]],
    "opaque, last": [[file("a/old", "x")], [folder("a"), file("a/new", "y"), opaque("a")]],
    "a file deleted and made again": [[file("a", "x")], [whiteout("a"), file("a", "y")]],
    "a whiteout where nothing is": [[file("b", "1")], [whiteout("c/d")]],
    "a deleted directory that comes back": [[file("a/x", "1"), file("a/y", "2")], [whiteout("a")], [file("a/x", "3")]],
    "names with dot-dot": [[file("../../a", "1"), file("x/../b", "2")]],
}


@pytest.fixture(scope="module")
def docker() -> Iterator[Daemon]:
    needs("docker", "dockerd")
    with ExitStack() as stack:
        try:
            daemon = stack.enter_context(real_dockerd(driver="overlay2"))
        except pytest.fail.Exception as error:
            if "driver not supported" in str(error):
                pytest.skip("no overlay file system can be mounted here")
            raise
        yield daemon


@pytest.mark.parametrize("name", CASES)
def test_a_container_sees_the_same(docker: Daemon, name: str, tmp_path: Path) -> None:
    layers = CASES[name]
    archive = tmp_path / "image.tar"
    archive.write_bytes(docker_archive([tar(layer) for layer in layers], tags=["case:1"]))
    command = ["docker", "-H", docker.address]
    run(*command, "load", "-i", archive)
    container = run(*command, "create", "case:1", "/x").strip()
    exported = subprocess.run([*command, "export", container], capture_output=True, check=True).stdout
    run(*command, "rm", container)
    expected = {path: what.rpartition(" @")[0] for path, what in show(merged(*layers)).items()}
    assert {path: what for path, what in _contents(exported).items() if _is_ours(path)} == expected


def _is_ours(path: str) -> bool:
    """Docker adds mount points to every container."""
    return not path.startswith(("/dev", "/etc", "/proc", "/sys", "/.dockerenv"))


def _contents(exported: bytes) -> dict[str, str]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        for member in archive:
            body = archive.extractfile(member) if member.isreg() else None
            what = f"-> {member.linkname}" if member.issym() else body.read().decode() if body else "dir"
            found["/" + member.name.rstrip("/")] = what
    return found
