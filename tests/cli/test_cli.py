"""The command line: which word is a command, exit codes, one clear line for bad input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from tests.kernel_command.made import image


def call(*arguments: str, cwd: Path | None = None, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from auditor.__main__ import main; main()", *arguments],
        capture_output=True,
        text=True,
        input=given,
        cwd=cwd,
        env={**os.environ, **environ},
        check=False,
        timeout=60,
    )


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "check" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("audit-image ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["check"],
        ["check", "a", "b", "-o", "spdx-json"],
        ["check", "docker-archive:/no/such/file.tar"],
        ["docker-archive:/no/such/file.tar"],
        ["/no/such/file.tar"],
        ["./no/such/dir"],
        ["dir:/no/such"],
        ["oci-dir:/no/such"],
        ["oci-archive:/no/such"],
        ["report:/no/such.json"],
        ["check", "dir:/", "--spec", "no-such"],
        ["check", "dir:/", "--fail-on", "sometimes"],
        ["check", "dir:/", "--waivers", "/no/such.toml"],
        ["check", "dir:/", "-o", "no-such"],
        ["check", "dir:/", "-o", "text", "-o", "json"],
        ["explain", "no-such"],
        ["spec", "validate", "/no/such.toml"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("audit-image: ")
    assert "Traceback" not in line


def test_output_to_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -c 'from auditor.__main__ import main; main()' schema report | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["explain"], ["explain", "library-missing"], ["explain", "tool.ipset"]])
def test_explain(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert "library-missing" in capsys.readouterr().out or arguments[-1] == "tool.ipset"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chekc", "x"], "did you mean 'check'?"),
        (["help"], "did you mean --help?"),
        (["version"], "did you mean --version?"),
        (["spec", "shwo"], "Did you mean 'show'?; see `audit-image spec --help`"),
        (["check"], "Missing argument 'IMAGE…'; see `audit-image check --help`"),
        (["check", "x", "--fail-on", "warn"], "'warn' is not one of 'error', 'warning', 'note', 'never'; see"),
        (["check", "x", "-o", "jsn"], "did you mean 'json'?"),
        (["check", "x", "--limit", "layrs=1"], "there is no limit 'layrs'"),
        (["check", "x", "--limit", "entries=many"], "write entries=NUMBER"),
        (["check", "x", "--spec", "felx"], "did you mean 'felix'?"),
        (["check", "x", "-o", "json=/no/such/folder/x"], "/no/such/folder/x: can't write the report"),
        (["explain", "library-mising"], "did you mean 'library-missing'?"),
        (["explain", "felix.extensions"], "add --spec "),
    ],
)
def test_a_slip_is_told_what_was_meant(arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert told in line


def test_no_arguments_show_the_help_and_nothing_was_audited(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capfd.readouterr()
    assert "check" in captured.out
    assert captured.err == ""


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A saved report that passes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.json").write_text(dump(to_document(image())))
    return "report:report.json"


@pytest.mark.parametrize(
    "words",
    [
        ("check", "report:/dev/stdin"),
        ("check", "report:/dev/stdin", "--all-platforms"),
        ("diff", "report:/dev/stdin", "report.json"),
        ("diff", "report.json", "report:/dev/stdin"),
        ("sbom", "report:/dev/stdin"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("saved")
def test_a_saved_report_may_come_through_a_pipe(words: tuple[str, ...], tmp_path: Path) -> None:
    done = call(*words, cwd=tmp_path, given=(tmp_path / "report.json").read_text())
    assert done.returncode == 0, done.stderr


def test_a_quiet_pass_says_nothing_and_a_quiet_failure_its_findings(
    saved: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([saved, "-q"]) == 0
    assert capfd.readouterr().out == ""
    assert run([saved, "-q", "-o", "json"]) == 0
    assert capfd.readouterr().out.startswith("{")
    assert run([saved, "-q", "-o", "text=out.txt"]) == 0
    assert "PASS" in (tmp_path / "out.txt").read_text()
    assert run([saved, "-q", "--require-platform", "linux/s390x"]) == 1
    told = capfd.readouterr().out
    assert "error[platform-missing]" in told
    assert "tools" not in told


@pytest.mark.parametrize(
    ("arguments", "environ", "coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour(
    saved: str,
    arguments: list[str],
    environ: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert run([saved, *arguments]) == 0
    assert ("\x1b[" in capfd.readouterr().out) is coloured


def test_a_dash_is_standard_output(saved: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([saved, "-o", "json=-", "-o", "text=out.txt"]) == 0
    assert capfd.readouterr().out.startswith("{")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.txt", "report.json"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("audit-image check x --spec ", "felix"),
        ("audit-image x --spec ", "felix"),
        ("audit-image check x -o js", "json"),
        ("audit-image check docker-a", "docker-archive:"),
        ("audit-image explain library-m", "library-missing"),
        ("audit-image spec show fel", "felix"),
        ("audit-image ex", "explain"),
    ],
)
def test_a_shell_completes(line: str, expected: str) -> None:
    words = line.split(" ")
    done = call(_AUDIT_IMAGE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert expected in done.stdout.split(), done.stdout + done.stderr


def test_what_a_last_line_rests_on_names_its_file(
    saved: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit-image.toml").write_text('fail-on = "never"')
    assert run([saved, "--require-platform", "linux/s390x"]) == 0
    last = capfd.readouterr().out.splitlines()[-1]
    assert f"fail-on never, from {tmp_path}/audit-image.toml" in last


def test_each_source_that_was_asked_has_its_own_line(capfd: pytest.CaptureFixture[str]) -> None:
    for command in (["no-such-host.invalid/a:1"], ["no-such-host.invalid/a:1", "no-such-host.invalid/b:1"]):
        assert run(["check", *command, "-q"]) == 2
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 2 * len(command)
        assert lines[0].startswith("audit-image: registry:no-such-host.invalid/a:1: ")
        assert lines[1].startswith("audit-image: not from the daemon: ")


def test_a_setting_is_blamed_for_its_own_value_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIT_IMAGE_CHECK_OUTPUT", "json")
    assert run(["check", f"report:{tmp_path}/gone.json"]) == 2
    assert "set by" not in capfd.readouterr().err
    monkeypatch.setenv("AUDIT_IMAGE_CHECK_OUTPUT", "jsn")
    assert run(["check", f"report:{tmp_path}/gone.json"]) == 2
    assert "(set by AUDIT_IMAGE_CHECK_OUTPUT)" in capfd.readouterr().err
