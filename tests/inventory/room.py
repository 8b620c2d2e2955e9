"""A real image's tree that a test changes, audits, and starts programs in."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.export import export
from tests.images import built


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program did."""

    code: int
    text: str

    @property
    def started(self) -> bool:
        """Whether it got as far as its own words: shells say 126 and 127 of what they can't start."""
        return self.code not in (126, 127) and bool(self.text)


class Room:
    """A copy of the sound image, made of hard links: files are replaced, never written to."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        source = export(built(), "dir")
        try:
            shutil.copytree(source, self.root, symlinks=True, copy_function=os.link)
        except OSError:
            shutil.rmtree(self.root, ignore_errors=True)
            shutil.copytree(source, self.root, symlinks=True)

    def put(self, path: str, content: bytes | str, mode: int = 0o755) -> None:
        """A file of one's own."""
        place = self._clear(path)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._clear(path).symlink_to(target)

    def move(self, path: str, target: str) -> None:
        """Another place for a file."""
        (self.root / path.lstrip("/")).rename(self._clear(target))

    def remove(self, *patterns: str) -> None:
        """Every file of these patterns; at least one for each."""
        for pattern in patterns:
            found = list(self.root.glob(pattern.lstrip("/")))
            assert found, pattern
            for place in found:
                place.unlink()

    def audit(self, spec: str = "calico-system-requirements") -> Report:
        """What the auditor says of the tree."""
        return audited(self.root, spec)

    def run(self, *command: str) -> Answer:
        """What a program does in it; the test is skipped where nobody may change roots."""
        return run_in(self.root, *command)

    def _clear(self, path: str) -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        return place


def audited(root: Path, spec: str = "calico-system-requirements") -> Report:
    """What the auditor says of a tree."""
    with load(f"dir:{root}") as image:
        return audit(image, load_spec(spec), Options(chosen_platform=True))


def run_in(root: Path, *command: str) -> Answer:
    """What a program does in a tree; the test is skipped where nobody may change roots."""
    if os.geteuid() != 0 or shutil.which("chroot") is None:
        pytest.skip("only root starts programs in another root")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    words = ["chroot", str(root), *command]
    done = subprocess.run(words, capture_output=True, env=environment, timeout=20, check=False)
    return Answer(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def errors(report: Report) -> set[tuple[str, str]]:
    """(rule, subject) of every error."""
    return {(entry.rule, entry.subject) for entry in report.findings if entry.severity == "error"}


def warnings(report: Report) -> set[tuple[str, str]]:
    """(rule, subject) of every warning, but for those that only say that a package's file was replaced."""
    told = [entry for entry in report.findings if entry.severity == "warning"]
    return {(entry.rule, entry.subject) for entry in told if not entry.rule.startswith("package-file-")}


def statuses(report: Report) -> dict[str, str]:
    """Each row's status."""
    return {row.id: row.status for row in report.requirements}


def unknown_rows(report: Report) -> set[str]:
    """The rows that can't be known, but for the entrypoint's: a directory has no config."""
    return {row_id for row_id, status in statuses(report).items() if status == "unknown"} - {"image.entrypoint"}
