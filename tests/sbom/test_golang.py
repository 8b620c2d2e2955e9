"""Go modules in the bill of materials are those that syft's go-module cataloger lists."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.elf.read.go_build import GoModule
from auditor.inventory.model import GoProgram
from auditor.report.bill.golang import module_entries
from tests.elf.test_go_build import syft_program
from tests.sbom.syft import go_modules, syft


def test_the_modules_of_a_real_program_are_those_that_syft_lists(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    shutil.copy(syft_program(), tmp_path / "usr/bin/syft")
    command = [sys.executable, "-m", "auditor", "sbom", f"dir:{tmp_path}", "-o", "cyclonedx-json"]
    document = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = {
        (entry["name"], entry.get("version", ""))
        for entry in document["components"]
        if entry.get("purl", "").startswith("pkg:golang/")
    }
    assert len(found) > 100
    assert found == go_modules(syft(f"dir:{tmp_path}"))


@pytest.mark.parametrize(
    ("path", "version", "purl"),
    [
        ("golang.org/x/net", "v0.33.0", "pkg:golang/golang.org/x/net@v0.33.0"),
        ("example.com", "(devel)", "pkg:golang/example.com"),
        ("example.com/a/b/v2", "v2.0.1+incompatible", "pkg:golang/example.com/a/b/v2@v2.0.1%2Bincompatible"),
    ],
)
def test_purls(path: str, version: str, purl: str) -> None:
    program = GoProgram("/usr/bin/x", "go1.24.1", path, GoModule(path, version), {}, ())
    entries = {entry.path: entry for entry in module_entries([program], "")}
    assert entries[path].purl == purl
    assert entries["stdlib"].purl == "pkg:golang/stdlib@1.24.1"
