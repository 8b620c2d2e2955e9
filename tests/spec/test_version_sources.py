"""Tools whose version is that of a package, a Go module, a Python or a Node package: real ones in the base image."""

import subprocess
from pathlib import Path

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.apt import AptRoot
from fixtures.workspace import Unavailable
from tests.inventory.room import Room, errors, statuses

#: (tool, source, package of Debian, a version that it has at least, one that it has not)
SOURCES = (
    ("which", "package", "", "5", "99"),
    pytest.param("supervisord", "python:supervisor", "supervisor", "4.2", "99", marks=pytest.mark.full),
    pytest.param("semver", "node:semver", "node-semver", "7.0", "99", marks=pytest.mark.full),
    pytest.param("gosu", "go:stdlib", "gosu", "1.15", "99", marks=pytest.mark.full),
)


def spec_of(folder: Path, tool: str, source: str, minimum: str) -> str:
    file = folder / "mine.toml"
    file.write_text(
        f'name = "mine"\nextends = "base"\n[tool.{tool}]\nminimum = "{minimum}"\nversion_from = "{source}"\n'
    )
    return str(file)


def unpacked(room: Room, package: str) -> None:
    """A Debian package's files, without its dependencies."""
    try:
        deb = AptRoot("bookworm", "amd64").fetch(package).file
    except Unavailable as error:
        pytest.skip(str(error))
    subprocess.run(["dpkg-deb", "-x", str(deb), str(room.root.parent / "parts")], check=True)
    for place in (each for each in (room.root.parent / "parts").rglob("*") if each.is_file() or each.is_symlink()):
        path = f"/{place.relative_to(room.root.parent / 'parts')}"
        if place.is_symlink():
            room.link(path, str(place.readlink()))
        else:
            room.put(path, place.read_bytes(), place.stat().st_mode & 0o777)


def audited(room: Room, spec: str) -> Report:
    with load(f"dir:{room.root}", spec=load_spec(spec)) as image:
        return audit(image, load_spec(spec), Options(chosen_platform=True))


@pytest.mark.parametrize(("tool", "source", "package", "minimum", "too_new"), SOURCES)
def test_a_version_from_elsewhere(
    tool: str, source: str, package: str, minimum: str, too_new: str, tmp_path: Path
) -> None:
    room = Room(tmp_path)
    if package:
        unpacked(room, package)
        interpreter = {"python": "/usr/bin/python3", "node": "/usr/bin/node"}.get(source.partition(":")[0])
        if interpreter:
            room.put(interpreter, (room.root / "usr/bin/bash").read_bytes())  # something that starts
    report = audited(room, spec_of(tmp_path, tool, source, minimum))
    (found,) = report.tools
    assert found.version is not None and found.evidence, found
    assert statuses(report)[f"tool.{tool}"] == "met"
    newer = audited(room, spec_of(tmp_path, tool, source, too_new))
    assert ("tool-too-old", found.binaries[0].path) in errors(newer)


@pytest.mark.parametrize(
    ("tool", "source"),
    [
        ("which", "python:which"),
        pytest.param("which", "node:which", marks=pytest.mark.full),
        pytest.param("bash", "go:stdlib", marks=pytest.mark.full),
        pytest.param("bash", "go:example.com/m", marks=pytest.mark.full),
    ],
)
def test_what_is_not_there_gives_no_version(tool: str, source: str, tmp_path: Path) -> None:
    report = audited(Room(tmp_path), spec_of(tmp_path, tool, source, "1"))
    assert statuses(report)[f"tool.{tool}"] == "not-met"
    assert {rule for rule, _ in errors(report)} == {"tool-unversioned"}


@pytest.mark.full
def test_a_file_that_its_package_does_not_vouch_for_has_no_version_of_it(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.put("/usr/bin/which.debianutils", "#!/bin/sh\nexit 0\n")
    report = audited(room, spec_of(tmp_path, "which", "package", "1"))
    assert statuses(report)["tool.which"] == "not-met"
    assert "vouch" in report.tools[0].reason


@pytest.mark.full
def test_a_script_whose_interpreter_is_gone_is_no_tool(tmp_path: Path) -> None:
    room = Room(tmp_path)
    unpacked(room, "supervisor")
    report = audited(room, spec_of(tmp_path, "supervisord", "python:supervisor", "4"))
    assert statuses(report)["tool.supervisord"] == "not-met"
