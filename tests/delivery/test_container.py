"""The Dockerfile, built by buildah on a base of Debian's own packages, and run as the user that it names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from fixtures.apt import AptRoot
from fixtures.workspace import Unavailable
from tests.delivery.fetching import fetched
from tests.house.papers import ROOT
from tests.image.servers import needs, short_folder
from tests.images import report

pytestmark = pytest.mark.full

PACKAGES = ("bash", "coreutils", "dash", "base-files", "python3-venv", "libc-bin")
MERGED = ("bin", "sbin", "lib", "lib64")


class Store:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self._options = ("--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs")

    def __call__(self, command: str, *words: object) -> str:
        """Run one command of it; its standard output."""
        done = self.tried(command, *words)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip()

    def tried(self, command: str, *words: object) -> subprocess.CompletedProcess[str]:
        line = [str(word) for word in ("buildah", *self._options, command, *words)]
        environ = os.environ | {"BUILDAH_ISOLATION": "chroot"}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=environ, timeout=900)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    needs("buildah", "tar", "dpkg-deb")
    if os.geteuid() != 0:
        pytest.skip("buildah runs what it builds as root here")
    with short_folder() as folder:
        yield Store(folder)


def base(folder: Path) -> Path:
    """A root file system of Debian packages with the Python that runs this; nothing of them is configured."""
    suite = {(3, 11): "bookworm", (3, 13): "trixie"}.get(sys.version_info[:2])
    if suite is None:
        pytest.skip("no Debian release has this Python")
    root = folder / "rootfs"
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    try:
        packages = AptRoot(suite, "amd64").resolve(PACKAGES)
    except Unavailable as error:
        pytest.skip(str(error))
    for package in packages:
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package.file], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", root], input=data, check=True)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    return root


def wheels(folder: Path) -> Path:
    """What the build would fetch, fetched by the pip of this machine: a build has no network here."""
    place = folder / "wheels"
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(place))
    for words in (("--require-hashes", "-r", str(ROOT / "requirements.lock")), ("hatchling>=1.25",)):
        done = subprocess.run([*pip, *words], capture_output=True, text=True, check=False, timeout=600)
        fetched(done)
    return place


@pytest.fixture(scope="module")
def container(store: Store, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A container of the image that the Dockerfile makes."""
    folder = tmp_path_factory.mktemp("container")
    scratch = store("from", "scratch")
    store("add", "--quiet", scratch, base(folder), "/")
    store("commit", "--quiet", scratch, "localhost/base:test")
    store(
        *("build", "--quiet", "--pull-never", "--tag", "localhost/audit-image:test"),
        *("--build-arg", "BASE=localhost/base:test", "--build-arg", "COMMIT=0123456789abcdef"),
        *("--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/wheels"),
        *("--volume", f"{wheels(folder)}:/wheels:ro", "--file", ROOT / "Dockerfile", ROOT),
    )
    return store("from", "--pull-never", "localhost/audit-image:test")


def test_it_says_its_version_as_nobody_s_user(store: Store, container: str) -> None:
    assert "(commit 0123456789ab, Python 3." in store("run", container, "--", "audit-image", "--version")
    assert store("run", container, "--", "id", "-u") == "65532"
    assert store("inspect", "--format", "{{.OCIv1.Config.Entrypoint}}", container) == "[audit-image]"
    assert store.tried("run", container, "--", "test", "-w", "/opt/audit-image").returncode == 1
    assert store.tried("run", container, "--", "test", "-e", "/opt/audit-image/bin/pip").returncode == 1


def test_it_audits(store: Store, container: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "broken.json"
    file.write_text(dump(to_document(report(recipe="conntrack-deleted"))))
    file.chmod(0o644)
    done = store.tried(
        "run", "--volume", f"{tmp_path}:/in:ro", container, "--", "audit-image", "report:/in/broken.json"
    )
    assert done.returncode == 1, done.stderr
    assert "error[tool-missing] conntrack" in done.stdout
