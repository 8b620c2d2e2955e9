"""Settings: which place wins, which folder counts, what a slip of the pen is, and who is told."""

from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.errors import UsageError
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from auditor.settings import Option, read_settings
from tests.kernel_command.made import image


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a saved report that passes, and a folder two below it, where one works."""
    (tmp_path / "report.json").write_text(dump(to_document(image())))
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    return tmp_path


def test_a_misspelt_setting_is_refused_so_that_no_gate_is_silently_open(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "audit-image.toml").write_text('fail-one = "warning"\n')
    assert run(["explain"]) == 2
    assert "there is no option 'fail-one'; did you mean 'fail-on'?" in capfd.readouterr().err
    assert run(["--help"]) == 0


OPTIONS = {
    "check": [
        Option("fail_on", "error|warning|note|never"),
        Option("strict"),
        Option("require_platform", "OS/ARCH", many=True),
        Option("output", "FORMAT[=FILE]", many=True),
        Option("waivers", "FILE"),
        Option("spec", "NAME|FILE"),
        Option("ca", "FILE"),
    ],
    "diff": [Option("fail_on", "regression|any|never")],
}


@pytest.mark.parametrize(
    ("project", "own", "environ", "expected"),
    [
        ("", "", {}, None),
        ('fail-on = "note"', "", {}, ("note", "pyproject.toml")),
        ('fail-on = "note"', 'fail-on = "never"', {}, ("never", "audit-image.toml")),
        ("", 'fail-on = "never"\n[check]\nfail-on = "error"', {}, ("error", "audit-image.toml [check]")),
        ("", 'fail-on = "never"', {"AUDIT_IMAGE_FAIL_ON": "note"}, ("note", "AUDIT_IMAGE_FAIL_ON")),
        (
            "",
            "",
            {"AUDIT_IMAGE_FAIL_ON": "note", "AUDIT_IMAGE_CHECK_FAIL_ON": "warning"},
            ("warning", "AUDIT_IMAGE_CHECK_FAIL_ON"),
        ),
        ("", "", {"AUDIT_IMAGE_DIFF_FAIL_ON": "any"}, None),
    ],
)
def test_where_a_setting_comes_from(
    tmp_path: Path, project: str, own: str, environ: dict[str, str], expected: tuple[str, str] | None
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.audit-image]\n{project}\n")
    (tmp_path / "audit-image.toml").write_text(own)
    found = read_settings(OPTIONS, tmp_path, environ).command("check").get("fail_on")
    shown = found and (found.value, found.origin.replace(f"{tmp_path}/", ""))
    assert shown == expected


def test_the_nearest_folder_upwards_counts_and_a_path_is_relative_to_its_file(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.audit-image]\nwaivers = "w.toml"\noutput = ["text", "json=out/r.json"]\nspec = "felix"\n'
    )
    (folder / "a" / "pyproject.toml").write_text("[tool.other]\n")
    settings = read_settings(OPTIONS, folder / "a" / "b", {})
    assert settings.files == (folder / "pyproject.toml",)
    values = {name: setting.value for name, setting in settings.command("check").items()}
    assert values == {
        "waivers": f"{folder}/w.toml",
        "output": ["text", f"json={folder}/out/r.json"],
        "spec": "felix",
    }
    (folder / "a" / "audit-image.toml").write_text('spec = "./own.toml"')
    settings = read_settings(OPTIONS, folder / "a" / "b", {})
    assert {name: entry.value for name, entry in settings.command("check").items()} == {"spec": f"{folder}/a/own.toml"}


def test_lists_come_from_the_environment(folder: Path) -> None:
    environ = {"AUDIT_IMAGE_CHECK_OUTPUT": "text, json=a.json", "AUDIT_IMAGE_REQUIRE_PLATFORM": "linux/amd64"}
    found = read_settings(OPTIONS, folder, environ).command("check")
    assert found["output"].value == ["text", "json=a.json"]
    assert found["require_platform"].value == ["linux/amd64"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("AUDIT_IMAGE_FAILON", "AUDIT_IMAGE_FAIL_ON"),
        ("AUDIT_IMAGE_FIAL_ON", "AUDIT_IMAGE_FAIL_ON"),
        ("AUDIT_IMAGE_CHECK_FAIL_NO", "AUDIT_IMAGE_CHECK_FAIL_ON"),
        ("AUDIT_IMAGE_WAIVER", "AUDIT_IMAGE_WAIVERS"),
        ("AUDIT_IMAGE_SPCE", "AUDIT_IMAGE_SPEC"),
        ("AUDIT_IMAGE_TAG", ""),  # two letters from CA, and people's own
        ("AUDIT_IMAGE_REGISTRY", ""),
        ("AUDIT_IMAGE_FIXTURES", None),
        ("AUDIT_IMAGE_NEEDS_KERNEL", None),
    ],
)
def test_a_variable_that_looks_like_ours(folder: Path, variable: str, meant: str | None) -> None:
    if meant:
        with pytest.raises(UsageError, match=f"did you mean {meant}"):
            read_settings(OPTIONS, folder, {variable: "1"})
    else:
        assert read_settings(OPTIONS, folder, {variable: "1"}).unknown == ((variable,) if meant == "" else ())


def test_an_unknown_variable_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIT_IMAGE_REGISTRY", "x")
    assert run([f"report:{folder}/report.json"]) == 0
    assert "AUDIT_IMAGE_REGISTRY is no setting" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("place", "text", "told"),
    [
        ("AUDIT_IMAGE_FAIL_ON", "bogus", "AUDIT_IMAGE_FAIL_ON: Invalid value for '--fail-on': 'bogus'"),
        ("AUDIT_IMAGE_CHECK_OUTPUT", "text,bogus", "(set by AUDIT_IMAGE_CHECK_OUTPUT)"),
        ("AUDIT_IMAGE_SPEC", "bogus", "(set by AUDIT_IMAGE_SPEC)"),
        ("audit-image.toml", "fail-on = 3", "audit-image.toml: Invalid value for '--fail-on': 3"),
        ("audit-image.toml", 'waivers = "none.toml"', "audit-image.toml)"),
    ],
)
def test_a_wrong_value_names_its_place(
    folder: Path,
    place: str,
    text: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if place.endswith(".toml"):
        (folder / place).write_text(text)
    else:
        monkeypatch.setenv(place, text)
    assert run([f"report:{folder}/report.json"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert told in line


def test_what_decided_the_verdict_is_said_unless_the_command_line_did(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "audit-image.toml").write_text('fail-on = "never"')
    line = f"audit-image: setting: fail-on = never (from {folder}/audit-image.toml)\n"
    assert run([f"report:{folder}/report.json"]) == 0
    assert capfd.readouterr().err == line
    assert run([f"report:{folder}/report.json", "--fail-on", "error"]) == 0
    assert capfd.readouterr().err == ""


def test_config_show(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "audit-image.toml").write_text("strict = true\n[diff]\nstrict = false")
    monkeypatch.setenv("AUDIT_IMAGE_FAIL_ON", "never")
    assert run(["config", "show"]) == 0
    rows = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert rows[0] == ["files:", f"{folder}/audit-image.toml"]
    assert ["check", "strict", "true", f"{folder}/audit-image.toml"] in rows
    assert ["diff", "strict", "false", f"{folder}/audit-image.toml", "[diff]"] in rows
    assert ["check", "fail-on", "never", "AUDIT_IMAGE_FAIL_ON"] in rows
    assert ["check", "spec", "calico-system-requirements", "default"] in rows
    assert run(["config", "show", "kernel"]) == 0
    assert {line.split()[0] for line in capfd.readouterr().out.splitlines()} == {"files:", "kernel"}
    assert run(["config", "show", "kernl"]) == 2
    assert "did you mean 'kernel'?" in capfd.readouterr().err
