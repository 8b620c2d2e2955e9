"""Writes into a wheel the commit that it is built from, for `audit-image --version`."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]  # hatchling is there while building
    """Adds `auditor/commit.txt` where the sources are a checkout; an editable install asks git itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is put together."""
        if version == "editable" or not (Path(self.root) / ".git").exists():
            return
        asked = ["git", "-C", self.root, "rev-parse", "HEAD"]
        try:
            commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            return
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "commit.txt"
        file.write_text(commit)
        build_data["force_include"][str(file)] = "auditor/commit.txt"
