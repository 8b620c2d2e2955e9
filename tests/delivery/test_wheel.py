"""The wheel, built from a clean clone, in an environment that has nothing else."""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

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
    return build(tmp_path_factory.mktemp("wheel"))


def build(folder: Path, **environ: str) -> Path:
    """The wheel of a fresh clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("the wheel is built from a clone, and this is none")
    clone = call("git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", ROOT, folder / "clone")
    assert clone.returncode == 0, clone.stderr
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "clone"]
    done = call(*command, cwd=ROOT, **environ)
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
    given = {"PACKAGE": str(wheel), "PYTHON": sys.executable, "OUTPUT": "reports/of-today"}
    done = call("sh", script, "report:broken.json", cwd=tmp_path, **given)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("FAIL  ")
    assert (tmp_path / "reports/of-today/audit-image.xml").exists()


def test_the_same_commit_builds_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = build(tmp_path, SOURCE_DATE_EPOCH="1580601600", TZ="Asia/Tokyo", LC_ALL="C")
    finally:
        os.umask(before)
    assert again.read_bytes() == wheel.read_bytes()


def test_its_bill_has_all_that_it_is_installed_with(wheel: Path) -> None:
    lock = wheel.parent / "clone/requirements.lock"
    done = call(sys.executable, ROOT / "ci/bill.py", wheel, lock)
    assert done.returncode == 0, done.stderr
    text = Path(done.stdout.strip()).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    assert bill["metadata"]["component"]["hashes"][0]["content"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    pinned = {line.split()[0] for line in lock.read_text().splitlines() if line[:1].isalnum()}
    assert {f"{each['name']}=={each['version']}" for each in bill["components"]} == pinned
    declared = {
        Requirement(line).name
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    }
    (own,) = (entry["dependsOn"] for entry in bill["dependencies"] if entry["ref"] == "audit-image")
    assert {name.lower() for name in own} == {name.lower() for name in declared}
