"""`audit-image tree`: the closure as a tree, with who needs what and by which rule it was found."""

from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from tests.images import built, layout, report


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


@pytest.mark.parametrize("program", ["calico-node", "/usr/bin/calico-node"])
def test_a_program_that_no_spec_names(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", f"oci-dir:{layout(built())}", program, "--why", "libpcap.so.0.8"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("/usr/bin/calico-node\n")
    assert "── libpcap.so.0.8 => " in shown


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


def test_what_else_lacks_a_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text(dump(to_document(report(recipe="libpcap-deleted"))))
    assert run(["tree", f"report:{tmp_path}/report.json", "--why", "libpcap.so.0.8"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/usr/bin/calico-node  (only what is missing is kept)",
        "└── libpcap.so.0.8  (not found)",
    ]


def test_what_is_not_drawn_is_not_said_to_stand_above(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", saved, "ip", "--depth", "1"]) == 0
    assert "shown above" not in capsys.readouterr().out
    assert run(["tree", saved, "ip", "--depth", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    elf = next(number for number, line in enumerate(lines) if "─ libelf.so.1 " in line and not line.startswith("│"))
    # It comes up below libbpf first, where its own needs are a level too deep.
    assert lines[elf + 1].startswith("│   └── ") or lines[elf + 1].startswith("│   ├── ")


def test_the_way_to_a_library_is_drawn_where_it_is_short_enough(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", saved, "ip", "--why", "libz.so.1", "--depth", "2"]) == 0
    shown = capsys.readouterr().out
    # libbpf needs libelf too, a level too deep for what libelf needs.
    assert "shown above" not in shown
    assert "\n└── libelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1  (ld.so.cache)\n    └── libz.so.1 => " in shown
