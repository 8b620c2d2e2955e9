"""The command line: which word is a command, exit codes, one clear line for bad input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli.main import run


def call(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from auditor.__main__ import main; main()", *arguments],
        capture_output=True,
        text=True,
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
        ["check", "a", "b"],
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
