"""Go modules in the bill of materials are those that syft's go-module cataloger lists."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.elf.model import GoModule
from auditor.inventory.model import GoProgram
from auditor.report.bill.golang import module_entries
from fixtures.golang import go_of
from tests.elf.go_programs import compiled
from tests.elf.test_go_build import syft_program
from tests.sbom.syft import go_modules, syft


def listed(root: Path) -> set[tuple[str, str]]:
    """(module, version) of what our bill has; each has an id of its own."""
    command = [sys.executable, "-m", "auditor", "sbom", f"dir:{root}", "-o", "cyclonedx-json"]
    document = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    modules = [
        entry
        for entry in document["components"]
        if {"name": "audit-image:package:type", "value": "go-module"} in entry.get("properties", ())
    ]
    assert len({entry["bom-ref"] for entry in modules}) == len(modules)
    return {(entry["name"], entry.get("version", "")) for entry in modules}


def test_the_modules_of_a_real_program_are_those_that_syft_lists(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    shutil.copy(syft_program(), tmp_path / "usr/bin/syft")
    found = listed(tmp_path)
    assert len(found) > 100
    assert found == go_modules(syft(f"dir:{tmp_path}"))


@pytest.mark.full
def test_a_fork_and_a_folder_are_listed_as_what_was_built(tmp_path: Path) -> None:
    """A release before 1.18 leaves the version of a folder out, which syft then calls unknown."""
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    for suite in ("bullseye", "trixie"):
        compiled(go_of(suite), tmp_path, root / "usr/bin" / suite)
    found = listed(root)
    assert ("example.com/fork", "v0.0.0-20210601000000-0123456789ab") in found
    assert {version[:6] for path, version in found if path == "stdlib"} == {"go1.15", "go1.24"}
    assert found == go_modules(syft(f"dir:{root}")) - {("./local", "UNKNOWN")}


@pytest.mark.parametrize(
    ("path", "version", "purl"),
    [
        ("golang.org/x/net", "v0.33.0", "pkg:golang/golang.org/x/net@v0.33.0"),
        ("example.com", "(devel)", "pkg:golang/example.com"),
        ("./folder", "", ""),
        ("../folder", "(devel)", ""),
        ("example.com/a/b/v2", "v2.0.1+incompatible", "pkg:golang/example.com/a/b/v2@v2.0.1%2Bincompatible"),
    ],
)
def test_purls(path: str, version: str, purl: str) -> None:
    program = GoProgram("/usr/bin/x", "go1.24.1", path, GoModule(path, version), {}, ())
    entries = {entry.path: entry for entry in module_entries([program], "")}
    assert entries[path].purl == purl
    assert entries["stdlib"].purl == "pkg:golang/stdlib@1.24.1"
