"""What a person reads: rows with what was wanted, one line at the end that hides nothing, closures as trees."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault
from auditor.inventory.model import Problem
from auditor.report.audit.tree import closure_tree
from auditor.report.lines import Pen, within
from auditor.report.model import Report
from auditor.report.page import Branch
from auditor.report.register import Style, write
from auditor.severity import Severity
from tests.inventories import sound
from tests.report.test_document import BROKEN, report

GONE = report(BROKEN)


def last_line(value: Report) -> str:
    return write(value, "text").splitlines()[-1]


def waived(value: Report) -> Report:
    findings = tuple(
        replace(entry, waived_by="known (net-team)") if entry.severity is Severity.ERROR else entry
        for entry in value.findings
    )
    return replace(value, findings=findings, verdict="pass", summary=replace(value.summary, not_met=0))


def test_the_last_line_hides_nothing() -> None:
    assert last_line(report()) == "PASS  calico/node:v1 meets calico-system-requirements"
    assert last_line(GONE) == "FAIL  calico/node:v1 does not meet calico-system-requirements"
    assert last_line(waived(GONE)).startswith("PASS (1 error waived)  calico/node:v1 meets")
    options = {"fail_on": "never", "fail_on_from": "audit-image.toml"}
    never = replace(GONE, verdict="pass", spec=replace(GONE.spec, options=options))
    assert last_line(never).startswith("PASS (fail-on never, from audit-image.toml)  calico/node:v1: ")
    assert "of calico-system-requirements not met" in last_line(never)
    rows = tuple(replace(row, status="unknown") if row.id == "tool.ipset" else row for row in report().requirements)
    unknown = replace(report(), requirements=rows, summary=replace(report().summary, unknown=1))
    assert last_line(unknown).endswith("meets calico-system-requirements; 1 row unknown (tool.ipset)")
    changed = replace(GONE.findings[0], rule="package-file-changed", severity=Severity.WARNING)
    told = last_line(replace(report(), findings=(changed, changed)))
    assert told.endswith("meets calico-system-requirements; 2 files other than their packages put there")


@pytest.mark.parametrize(("count", "more"), [(1, ""), (3, ""), (4, " and 1 more"), (6, " and 3 more")])
def test_of_many_unknown_rows_some_are_named(count: int, more: str) -> None:
    rows = report().requirements
    names = [row.id for row in rows[:count]]
    unknown = (*(replace(row, status="unknown") for row in rows[:count]), *rows[count:])
    line = last_line(replace(report(), requirements=unknown, summary=replace(report().summary, unknown=count)))
    word = "row" if count == 1 else "rows"
    assert line.endswith(f"; {count} {word} unknown ({', '.join(names[:3])}{more})")


def test_what_fails_on_unknown_rows_alone_says_so() -> None:
    options = {"fail_on": "error", "fail_on_unknown": True}
    assert last_line(replace(report(), verdict="fail", spec=replace(report().spec, options=options))).startswith(
        "FAIL (fail-on-unknown)  "
    )


def test_a_row_says_what_was_wanted_and_what_is_there() -> None:
    lines = write(GONE, "text").splitlines()
    at = lines.index("  not met  tool.ipset")
    assert lines[at + 1].startswith("    wanted    ipset is used to set up")
    assert lines[at + 2].startswith("    there is  ipset is not in the image")
    assert not [line for line in write(report(), "text").splitlines() if "wanted" in line]


def test_verbose_text_has_every_row() -> None:
    lines = write(report(), "text", Style(verbose=True)).splitlines()
    assert [row.id for row in report().requirements if not any(row.id in line.split() for line in lines)] == []


def test_a_layer_is_counted_as_people_do() -> None:
    finding = replace(GONE.findings[0], layer=1)
    text = write(replace(GONE, findings=(finding,)), "text")
    assert "layer 2 of 2" in text


def flat(branch: Branch, depth: int = 0) -> list[tuple[int, str, str]]:
    return [(depth, branch.text, branch.note), *(line for below in branch.branches for line in flat(below, depth + 1))]


def test_a_closure_is_a_tree_of_who_needs_what() -> None:
    inventory = sound()
    binary = next(binary for tool in inventory.tools for binary in tool.binaries if binary.closure)
    problem = Problem(LoadFault.LIBRARY_MISSING, binary.resolved_path, "libgone.so.1", "", (binary.resolved_path,))
    lines = flat(closure_tree(replace(inventory, problems=(problem,)), binary))
    assert lines[0] == (0, binary.resolved_path, "")
    assert lines[1] == (1, "libgone.so.1", "not found")
    shown = "\n".join(_tree_lines(inventory))
    assert binary.resolved_path in shown


def _tree_lines(inventory: object) -> Sequence[str]:
    return write(report(inventory), "text", Style(verbose=True)).splitlines()  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_text_folds_on_a_terminal_alone(width: int) -> None:
    shown = write(GONE, "text", Style(width=width)).splitlines()
    assert [line for line in shown if len(line) > width and " " in line.strip()] == []
    assert not any(line.endswith(" ") for line in shown)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("short enough", ["short enough"]),
        ("", [""]),
        ("\x1b[32;1mPASS\x1b[0m  as wide", ["\x1b[32;1mPASS\x1b[0m  as wide"]),
        ("  two  words\x1b[2m  (soft)\x1b[0m", ["  two  words\x1b[2m", "      (soft)\x1b[0m"]),
        ("a word/that/has/no/room", ["a", "    word/that/has/no/room"]),
        ("├── libc.so.6 => /lib/libc.so.6", ["├── libc.so.6 => /lib/libc.so.6"]),
    ],
)
def test_a_line_is_folded_by_what_shows_of_it(line: str, shown: list[str]) -> None:
    assert list(within(line, 13)) == shown
    assert list(within(line, None)) == [line]


def test_a_table_that_is_too_wide_folds_its_prose() -> None:
    rows = [("image", "why", "verdict"), ("name:tag", "no such file; check the path", "FAIL"), ("other", "", "PASS")]
    kinds = (None, "fail", "pass")
    assert list(Pen(Style(width=32)).table(rows, kinds)) == [
        "image     why            verdict",
        "name:tag  no such file;  FAIL",
        "          check the",
        "          path",
        "other                    PASS",
    ]
    assert max(map(len, Pen(Style()).table(rows, kinds))) == 47
    assert list(Pen(Style(width=20)).table(rows, kinds)) == list(Pen(Style()).table(rows, kinds))
