"""`audit-image tree`: the closure as a tree, with who needs what and by which rule it was found."""

from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from tests.images import report


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """A saved report on a real image."""
    (tmp_path / "report.json").write_text(dump(to_document(report())))
    return f"report:{tmp_path}/report.json"


def test_a_program_and_what_it_loads(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", saved, "ipset"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "/usr/sbin/ipset"
    assert any(line.startswith("└── libipset.so.13 => ") and "(ld.so.cache)" in line for line in lines)
    assert any(line.startswith("    └── libmnl.so.0 => ") or "── libmnl.so.0" in line for line in lines)
    assert run(["tree", saved, "/usr/sbin/ipset", "--depth", "1"]) == 0
    assert all(line.startswith(("/usr/sbin/ipset", "├── ", "└── ")) for line in capsys.readouterr().out.splitlines())


def test_why_a_library_is_loaded(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", saved, "ipset", "--why", "libmnl.so.0"]) == 0
    shown = [line.split(" => ")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["/usr/sbin/ipset", "└── libipset.so.13", "    └── libmnl.so.0"]


def test_a_missing_library_is_red_and_no_reason_to_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text(dump(to_document(report(recipe="libelf-deleted"))))
    assert run(["tree", f"report:{tmp_path}/report.json", "ip", "--color", "always"]) == 0
    assert "\x1b[31;1mlibelf.so.1\x1b[0m" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["ipst"], "did you mean 'ipset'?"), (["ipset", "--why", "libnothing.so.1"], "nothing that was looked at needs")],
)
def test_what_is_not_there(saved: str, arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", saved, *arguments]) == 2
    assert told in capfd.readouterr().err
