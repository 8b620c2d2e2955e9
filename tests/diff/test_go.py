"""Two builds of one program by real compilers: what changed in it, and for which machine it is."""

import json
from pathlib import Path

import pytest

from auditor.cli.main import run
from fixtures.golang import go_of
from tests.elf.go_programs import compiled


def root_with(folder: Path, suite: str, dep: str = "v1.2.0", **setting: str) -> Path:
    """A root file system with one program, which that suite's compiler made."""
    place = folder / "root" / "usr" / "bin" / "program"
    place.parent.mkdir(parents=True)
    compiled(go_of(suite), folder, place, (), dep, **setting)
    return folder / "root"


@pytest.mark.full
def test_two_builds_differ_in_compiler_module_and_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = root_with(tmp_path / "old", "bullseye")
    new = root_with(tmp_path / "new", "trixie", dep="v1.3.0-rc.1", GOAMD64="v3")
    assert run(["diff", f"dir:{old}", f"dir:{new}", "-o", "json", "-q"]) == 1
    changes = json.loads(capsys.readouterr().out)["changes"]
    told = {(one["kind"], one["subject"], one["old"], one["new"]) for one in changes}
    assert ("go-dependency", "/usr/bin/program example.com/dep", "v1.2.0", "v1.3.0-rc.1") in told
    assert ("cpu-floor", "processor", None, "x86-64-v3") in told
    ((before, after),) = ((old, new) for kind, _, old, new in told if kind == "go-version")
    assert before.startswith("go1.15.") and after.startswith("go1.24.")


@pytest.mark.full
def test_a_build_for_another_machine_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = root_with(tmp_path, "trixie", GOARCH="arm64")
    assert run(["check", f"dir:{root}", "--spec", "base", "--platform", "linux/amd64", "-q"]) == 1
    assert "exec format error (it is for arm64, the platform is amd64)" in capsys.readouterr().out
