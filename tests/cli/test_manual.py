"""The manual page: all that the help knows, and nothing that troff stumbles over."""

import re
import shutil
import subprocess

import pytest
import typer

from auditor.cli.main import app
from auditor.cli.manual import manual

PAGE = manual("audit-image 1")


def test_it_names_every_command_and_option() -> None:
    plain = PAGE.replace("\\-", "-")
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        assert f"audit-image {name}" in plain
        for param in command.params:
            assert all(f"{word}" in plain for word in param.opts if word.startswith("-"))
    assert re.findall(r"^\.SH (.*)$", PAGE, re.MULTILINE)[0] == "NAME"


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_troff_takes_it() -> None:
    done = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8"], input=PAGE, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--fail-on" in re.sub(".\b", "", done.stdout)
