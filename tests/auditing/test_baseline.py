"""A baseline: what a saved report has does not fail, all else does."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.auditing import judge
from auditor.auditing.baseline import Baseline
from auditor.cli.main import run
from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.inventory.model import Inventory, Tool
from auditor.report.audit.document import to_document
from auditor.report.model import Report
from auditor.report.schema import dump
from auditor.rules import Options
from auditor.severity import Severity
from auditor.spec import load_spec
from tests.inventories import sound, with_tool
from tests.report.test_document import report

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE = Finding("library-missing", Severity.WARNING, "tool.ipset", "libx.so.1", "It is gone.")


def without(*names: str) -> Inventory:
    inventory = sound()
    for name in names:
        inventory = with_tool(inventory, Tool(name, None, (), (), "not in the image"))
    return inventory


def judged(inventory: Inventory, baseline: Report, **options: bool) -> Report:
    given = Baseline(baseline, "old.json")
    return judge(report().image, inventory, load_spec(), Options(**options), baseline=given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("then", "now", "verdict"),
    [
        (("ipset",), ("ipset",), "pass"),
        (("ipset",), ("ipset", "conntrack-tools"), "fail"),
        ((), ("ipset",), "fail"),
        (("ipset",), (), "pass"),
    ],
)
def test_only_what_is_new_fails(then: tuple[str, ...], now: tuple[str, ...], verdict: str) -> None:
    found = judged(without(*now), report(without(*then)))
    assert found.verdict == verdict
    had = [
        one for one in found.findings if one.severity is Severity.ERROR and one.waived_by == "in the baseline old.json"
    ]
    assert {one.subject for one in had if one.rule == "tool-missing"} == {*then} & {*now}
    assert {row.status for row in found.requirements if row.id == "tool.ipset"} == (
        {"waived"} if "ipset" in then and "ipset" in now else {"not-met"} if "ipset" in now else {"met"}
    )


@pytest.mark.parametrize(
    ("had", "now", "accepted"),
    [
        ([ONE], [ONE], 1),
        ([ONE], [replace(ONE, layer=3, message="It is gone, by other words.")], 1),
        ([ONE], [ONE, ONE], 1),  # one more of the same
        ([ONE], [replace(ONE, severity=Severity.ERROR)], 0),
        ([ONE], [replace(ONE, severity=Severity.NOTE)], 1),
        ([ONE], [replace(ONE, subject="liby.so.1")], 0),
        ([ONE], [replace(ONE, requirement=None)], 0),
        ([replace(ONE, waived_by="until spring (net)")], [ONE], 0),  # where the waiver ends, the baseline doesn't go on
        ([replace(ONE, waived_by="in the baseline older.json")], [ONE], 1),
    ],
)
def test_which_findings_are_the_same(had: list[Finding], now: list[Finding], accepted: int) -> None:
    baseline = Baseline(replace(report(), findings=tuple(had)), "old.json")
    assert sum(one.waived_by is not None for one in baseline.accept(now, AMD64)) == accepted
    assert [one.waived_by for one in baseline.accept(now, ARM64)] == [None] * len(now), "it is of another platform"


def test_what_could_not_be_known_then_need_not_be_known_now() -> None:
    rows = tuple(replace(row, status="unknown") for row in report().requirements)
    baseline = Baseline(replace(report(), requirements=rows), "old.json")
    assert baseline.unknown_rows(AMD64) == {row.id for row in rows}
    assert baseline.unknown_rows(ARM64) == frozenset()


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, value in zip(paths, (report(without("ipset")), report(without("ipset", "conntrack-tools"))), strict=True):
        path.write_text(dump(to_document(value)))
    return str(paths[0]), str(paths[1])


def test_the_command(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = files
    out = tmp_path / "out.json"
    assert run(["check", f"report:{old}"]) == 1
    assert run(["check", f"report:{old}", "--baseline", old, "-o", "text", "-o", f"json={out}"]) == 0
    assert "PASS (1 error waived)" in capsys.readouterr().out
    assert run(["check", f"report:{old}", "--baseline", str(out)]) == 0, "a report under a baseline is one for the next"
    assert run(["check", f"report:{new}", "--baseline", old]) == 1
    assert run(["check", f"report:{new}", "--baseline", "/no/such.json"]) == 2
    assert run(["check", f"report:{new}", f"report:{new}", "--baseline", old]) == 2
    assert json.loads(out.read_text())["verdict"] == "pass"
