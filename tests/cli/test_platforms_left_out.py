"""Naming all platforms and looking at half is no audit: an index that names what its source doesn't hold."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.cli.main import run
from tests.image.build import Json, Layout, config, program, tar

DROPPED = {"os": "linux", "architecture": "arm64"}


def partly_saved(folder: Path, *, flat: bool = False) -> Path:
    """What `docker save` writes of an index of which one platform was pulled; `flat`: index.json is that index."""
    layout = Layout()
    layers = [tar([program("usr/bin/tool")])]
    entries: list[Json] = []
    for platform in ({"os": "linux", "architecture": "amd64"}, DROPPED):
        entries.append(layout.manifest(layers, settings=config(layers, **platform), platform=platform))
    for entry in entries if flat else [layout.index(entries)]:
        layout.add(entry, "one")
    del layout.files[f"blobs/{str(entries[1]['digest']).replace(':', '/')}"]
    return layout.write(folder / "layout")


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("command", ["check", "sbom"])
def test_all_platforms_of_half_an_index_are_not_audited(
    tmp_path: Path, command: str, flat: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = partly_saved(tmp_path, flat=flat)
    assert run([command, f"oci-dir:{layout}", "--all-platforms"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "linux/arm64" in captured.err and "--available-platforms" in captured.err


def test_skopeo_refuses_it_too(tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    layout = partly_saved(tmp_path)
    command = ["skopeo", "copy", "--all", f"oci:{layout}", f"oci:{tmp_path}/copy"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("flat", [False, True])
def test_what_is_there_is_audited_where_that_is_meant(
    tmp_path: Path, flat: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = partly_saved(tmp_path, flat=flat)
    report = tmp_path / "report.json"
    wanted = ["--available-platforms", "--require-platform", "linux/arm64", "-o", f"json={report}", "-o", "text"]
    assert run(["check", f"oci-dir:{layout}", "--all-platforms", *wanted]) == 1
    document = json.loads(report.read_text())
    assert document["index"]["left_out"] == [{**DROPPED, "variant": ""}]
    assert [entry["subject"] for entry in document["findings"] if entry["rule"] == "platform-missing"] == [
        "linux/arm64"
    ]
    assert "left out: linux/arm64" in capsys.readouterr().out
    assert run(["check", f"oci-dir:{layout}", "--platform", "linux/amd64", "-q"]) == 1


def test_the_option_needs_all_platforms(tmp_path: Path) -> None:
    assert run(["check", f"oci-dir:{partly_saved(tmp_path)}", "--available-platforms"]) == 2
