"""The ready steps, run as their runners run them: with bash, with their inputs in the environment."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from tests.auditing.test_baseline import without
from tests.house.papers import ROOT
from tests.report.test_document import report

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
GITLAB = yaml.safe_load((ROOT / "ci/gitlab.yml").read_text())[".audit-image"]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A runner's folder: two saved reports, and an environment that has the tool, as an installation leaves it."""
    for name, inventory in (("sound", without()), ("broken", without("ipset"))):
        (tmp_path / f"{name}.json").write_text(dump(to_document(report(inventory))))
    for folder in ("audit-image/bin", ".audit-image/bin"):
        command = tmp_path / folder / "audit-image"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m auditor "$@"\n')
        command.chmod(0o755)
    return tmp_path


def shell(script: str, place: Path, shell: str = "bash", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shell, "-e", "-c", script],
        cwd=place,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "RUNNER_TEMP": str(place)} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def audit_step() -> str:
    """The last step of the action; its environment is what its inputs say, and no input stands in the script itself."""
    step = ACTION["runs"]["steps"][-1]
    assert "${{" not in step["run"]
    assert {name for value in step["env"].values() for name in re.findall(r"inputs\.([\w-]+)", value)} <= {
        *ACTION["inputs"]
    }
    return str(step["run"])


@pytest.mark.parametrize(
    ("images", "arguments", "code", "told"),
    [
        ("report:sound.json", "", 0, "::notice title=audit-image PASS::"),
        ("report:broken.json", "", 1, "::error title=tool-missing ipset::"),
        ("report:broken.json", "--fail-on\nnever\n", 0, "PASS (fail-on never)"),
        ("report:sound.json\nreport:broken.json", "", 1, "FAIL  1 of 2 images does not meet"),
        ("report:gone.json", "", 2, ""),
        ("report:sound.json", "--baseline\n  with blank.json", 2, ""),
        ("--help", "", 2, ""),
        ("$(touch evil);`touch evil`", "", 2, ""),
    ],
)
def test_the_action(images: str, arguments: str, code: int, told: str, place: Path) -> None:
    given = {"IMAGES": images, "ARGUMENTS": arguments, "SARIF": "a.sarif", "REPORT": "a.json"}
    done = shell(audit_step(), place, GITHUB_OUTPUT=str(place / "output"), **given)
    assert (done.returncode, (place / "output").read_text()) == (code, f"exit-code={code}\n"), done.stderr
    assert told in done.stdout
    assert not (place / "evil").exists()
    if code != 2:
        assert json.loads((place / "a.sarif").read_text())["version"] == "2.1.0"
        assert (place / "a.json").exists()


@pytest.mark.parametrize(("image", "code"), [("report:sound.json", 0), ("report:broken.json", 1)])
def test_gitlab_s_job(image: str, code: int, place: Path) -> None:
    names = {*GITLAB["artifacts"]["paths"], *GITLAB["artifacts"]["reports"].values()}
    script = "\n".join(line for line in GITLAB["script"] if "-m venv" not in line and "/pip " not in line)
    registry = {"CI_REGISTRY": "r.example", "CI_REGISTRY_USER": "u", "CI_REGISTRY_PASSWORD": "p"}
    done = shell(script, place, IMAGES=image, ARGUMENTS="--spec felix", **registry)
    assert done.returncode == code, done.stderr
    assert all((place / name).exists() for name in names)
    assert json.loads((place / ".audit-image/auth.json").read_text()) == {"auths": {"r.example": {"auth": "dTpw"}}}


def test_the_hooks_take_what_their_patterns_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = {
        "audit-image-spec": ('extends = "felix"\nschema_version = "1"\nname = "own"\nversion = "1"\n', "nonsense = ["),
        "audit-image-waivers": ("", "[[waiver]]\nsubjekt = 1\n"),
    }
    for hook in HOOKS:
        good, bad = texts[hook["id"]]
        names = [f"{word}{hook['id'].removeprefix('audit-image-')}.toml" for word in ("good-", "bad-")]
        for name, text in zip(names, (good, bad), strict=True):
            assert re.search(hook["files"], name)
            Path(name).write_text(textwrap.dedent(text))
        command = hook["entry"].split()[1:]
        assert run([*command, names[0], names[0]]) == 0
        assert run([*command, *names]) == 2
        assert not re.search(hook["files"], "pyproject.toml")


def test_the_script_says_when_it_can_install_nothing(place: Path) -> None:
    done = shell(
        f"sh {ROOT}/ci/audit.sh report:sound.json", place, "sh", PACKAGE="./no-such.whl", PYTHON=sys.executable
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "audit.sh: can't install ./no-such.whl"
    assert done.stdout == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("image", ["calico/node:v1", "docker-archive:/tmp/a b/$(shell echo x) $HOME 'q' \"d\" #.tar"])
def test_make_hands_over_an_image_as_it_is_written(image: str) -> None:
    # The suite itself may run under a make, whose own words would come in between.
    command = ["make", "--silent", "--no-print-directory", "--eval", "shown: ; @printenv IMAGE", "shown"]
    command.append(f"IMAGE={image}")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{image}\n"
