"""Saved reports: of an image or of an index, judged anew, refused where another version wrote them."""

import json
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from auditor.cli.main import run
from auditor.image.model import Platform
from auditor.report.audit.document import to_document
from auditor.report.model import IndexReport, Report, ReportIndex
from auditor.report.register import Kind
from auditor.report.schema import dump
from auditor.report.views import schema_of
from tests.report.test_document import BROKEN, report


def on(architecture: str, value: Report) -> Report:
    platform = Platform("linux", architecture)
    inventory = replace(value.inventory, platform=platform)
    return replace(value, image=replace(value.image, platform=platform), inventory=inventory)


def saved(folder: Path, *platforms: Report) -> str:
    index = ReportIndex("calico/node:v1", "registry", "sha256:1", tuple(each.image.platform for each in platforms))
    file = folder / "index.json"
    file.write_text(dump(to_document(IndexReport(index, "pass", platforms, ()))))
    return f"report:{file}"


@pytest.fixture
def index(tmp_path: Path) -> str:
    return saved(tmp_path, on("amd64", report()), on("arm64", report(BROKEN)))


def test_a_saved_report_of_an_index_is_judged_whole(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", index]) == 1
    lines = capsys.readouterr().out.splitlines()
    table = [line.split() for line in lines if line.startswith("linux/")]
    assert [(row[0], row[-1]) for row in table] == [("linux/amd64", "PASS"), ("linux/arm64", "FAIL")]
    assert lines[-1] == "FAIL  calico/node:v1 does not meet calico-system-requirements on linux/arm64"


def test_one_platform_of_it_is_chosen(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", index, "--platform", "linux/amd64"]) == 0
    assert run(["check", index, "--platform", "linux/arm64"]) == 1
    capsys.readouterr()
    assert run(["check", index, "--platform", "linux/s390x"]) == 2
    assert "it has: linux/amd64, linux/arm64" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["check"], ["check", "--all-platforms"], ["sbom"], ["tree"]])
def test_an_index_without_platforms_is_no_report(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*options, saved(tmp_path)]) == 2
    assert "the report is of an index without any platform" in capsys.readouterr().err


def test_bills_and_comparisons_take_it(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sbom", index]) == 0
    names = [entry["bom-ref"] for entry in json.loads(capsys.readouterr().out)["components"]]
    assert {"image:linux/amd64", "image:linux/arm64"} <= set(names)
    assert run(["diff", index, index, "--platform", "linux/arm64"]) == 0
    assert run(["diff", index, index, "--old-platform", "linux/amd64", "--platform", "linux/arm64"]) == 1


def test_two_releases_are_compared_platform_by_platform(
    tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old").mkdir()
    old = saved(tmp_path / "old", *(on(name, report()) for name in ("amd64", "arm64", "s390x")))
    document = tmp_path / "diff.json"
    assert run(["diff", old, index, "--all-platforms", "-o", "text", "-o", f"json={document}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  − platform lost: linux/s390x" in lines
    table = [line.split() for line in lines if line.startswith("linux/")]
    assert [(row[0], row[-1]) for row in table] == [("linux/amd64", "PASS"), ("linux/arm64", "FAIL")]
    assert lines[-1].endswith("on linux/arm64 (fail-on regression)")
    told = json.loads(document.read_text())
    jsonschema.validate(told, schema_of(Kind.RELEASE))
    assert [change["kind"] for change in told["changes"]] == ["platform-lost"]
    alone = tmp_path / "arm64.json"
    assert run(["diff", old, index, "--platform", "linux/arm64", "-o", f"json={alone}"]) == 1
    assert told["platforms"][1] == json.loads(alone.read_text())
    assert told["summary"]["regressions"] == 1 + sum(one["summary"]["regressions"] for one in told["platforms"])


def test_two_saved_releases_need_no_option(index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", index, index]) == 0
    assert "nothing that the audit looks at has changed on 2 platforms" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    other = saved(tmp_path / "other", on("s390x", report()))
    assert run(["diff", index, other]) == 2
    assert "no platform in common" in capsys.readouterr().err
    assert run(["diff", index, other, "--all-platforms", "--platform", "linux/arm64"]) == 2


@pytest.mark.parametrize(("gate", "code"), [("regression", 1), ("any", 1), ("never", 0)])
def test_a_lost_platform_is_a_regression(tmp_path: Path, gate: str, code: int) -> None:
    both = saved(tmp_path, on("amd64", report()), on("arm64", report()))
    (tmp_path / "one").mkdir()
    one = saved(tmp_path / "one", on("amd64", report()))
    assert run(["diff", both, one, "--fail-on", gate]) == code
    assert run(["diff", one, both, "--fail-on", gate]) == (1 if gate == "any" else 0)


@pytest.mark.parametrize("version", ["2", "", 1, None])
@pytest.mark.parametrize("command", ["check", "sbom"])
def test_another_schema_version_is_refused(
    tmp_path: Path, version: object, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.json"
    file.write_text(dump({**to_document(report()), "schema_version": version}))
    assert run([command, f"report:{file}"]) == 2
    captured = capsys.readouterr()
    assert "schema version" in captured.err
    assert captured.out == ""


def test_a_gate_that_a_file_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "saved.json"
    file.write_text(dump(to_document(report(BROKEN))))
    (tmp_path / "audit-image.toml").write_text('fail-on = "never"\n')
    monkeypatch.chdir(tmp_path)
    assert run(["check", f"report:{file}"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("PASS (fail-on never, from ")
    assert "audit-image.toml" in last
    assert "of calico-system-requirements not met" in last


def test_a_report_saved_under_another_spec_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "saved.json"
    file.write_text(dump(to_document(report())))
    run(["check", f"report:{file}", "--spec", "felix"])
    assert "saved under calico-system-requirements" in capsys.readouterr().err
    run(["check", f"report:{file}"])
    assert capsys.readouterr().err == ""


def test_several_images_in_one_call(tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sound.json"
    file.write_text(dump(to_document(report())))
    sound, gone, document = f"report:{file}", f"report:{tmp_path}/gone.json", tmp_path / "all.json"
    assert run(["check", sound, sound]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "PASS  2 images pass by calico-system-requirements 1"
    assert run(["check", sound, index]) == 1
    capsys.readouterr()
    assert run(["check", gone, sound, index, "-o", "text", "-o", f"json={document}"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"audit-image: {tmp_path}/gone.json: ")
    assert told.out.splitlines()[-1].startswith("FAIL  1 of 2 images does not meet calico-system-requirements")
    saved_all = json.loads(document.read_text())
    assert [one["verdict"] for one in saved_all["images"]] == ["pass", "fail"]
    assert [one["reference"] for one in saved_all["not_audited"]] == [gone]
    assert run(["check", f"report:{document}"]) == 2
    assert "a report of several images" in capsys.readouterr().err
    assert run(["check", sound, sound, "-q"]) == 0
    assert capsys.readouterr() == ("", "")
