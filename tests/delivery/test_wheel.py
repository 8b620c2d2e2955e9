"""The wheel, built from a clean clone, in an environment that has nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from tests.delivery.fetching import fetched
from tests.house.papers import ROOT
from tests.images import built, layout, report

pytestmark = pytest.mark.full


def call(*command: object, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AUDIT_IMAGE"))}
    return subprocess.run(words, cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    if not (ROOT / ".git").exists():
        pytest.skip("the wheel is built from a clone, and this is none")
    clone = call("git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", ROOT, folder / "clone")
    assert clone.returncode == 0, clone.stderr
    done = call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "clone")
    fetched(done)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The command, of an environment with the wheel alone and what it needs."""
    venv = wheel.parent / "venv"
    call(sys.executable, "-m", "venv", venv)
    done = call(venv / "bin/pip", "install", "--quiet", wheel)
    fetched(done)
    return venv / "bin/audit-image"


def test_it_audits_where_nothing_else_is(installed: Path, tmp_path: Path) -> None:
    image = layout(built())
    done = call(
        installed, "check", f"oci-dir:{image}", "-o", "json=report.json", "-o", "html=report.html", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert call(installed, "sbom", "report:report.json", cwd=tmp_path).returncode == 0
    assert call(installed, "spec", "list", cwd=tmp_path).stdout.count("\n") >= 4


def test_it_knows_its_commit(installed: Path, wheel: Path, tmp_path: Path) -> None:
    commit = call("git", "-C", wheel.parent / "clone", "rev-parse", "HEAD").stdout[:12]
    assert f"(commit {commit}, Python " in call(installed, "--version", cwd=tmp_path).stdout


def test_the_script_for_other_runners_takes_it(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(dump(to_document(report(recipe="conntrack-deleted"))))
    script = ROOT / "ci/audit.sh"
    done = call("sh", script, "report:broken.json", cwd=tmp_path, PACKAGE=str(wheel), PYTHON=sys.executable)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("FAIL  ")
    assert (tmp_path / "audit-image.xml").exists()
