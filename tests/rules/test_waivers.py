"""Accepted deviations: what is waived, what is not, and what is said of idle waivers."""

import datetime
from pathlib import Path

import pytest

from auditor.auditing import judge
from auditor.auditing.waivers import load_waivers
from auditor.errors import UsageError
from auditor.image.model import Platform
from auditor.report.model import Report, ReportImage
from auditor.rules import Options
from auditor.spec import load_spec
from tests.inventories import LAYERS, sound, tool, with_tool

TODAY = datetime.date(2026, 6, 15)


def waiver(**fields: str) -> str:
    values = {"rule": '"tool-missing"', "reason": '"known"', "owner": '"net"', "expires": "2026-06-15"} | fields
    return "[[waiver]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def report(tmp_path: Path, text: str) -> Report:
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    conntrack = tool("conntrack-tools")
    inventory = with_tool(sound(), type(conntrack)(conntrack.name, None, (), (), "not in the image"))
    image = ReportImage("quay.example/calico/node:v1", "docker-archive", None, None, Platform("linux", "amd64"), LAYERS)
    return judge(image, inventory, load_spec(), Options(), load_waivers(str(file)), TODAY)


@pytest.mark.parametrize(
    ("text", "verdict", "states"),
    [
        ("", "fail", []),
        (waiver(), "pass", ["used"]),
        (waiver(subject='"conntrack"'), "pass", ["used"]),
        (waiver(subject='"ip*"'), "fail", ["unused"]),
        (waiver(image='"quay.example/*"'), "pass", ["used"]),
        (waiver(image='"other/*"'), "fail", ["unused"]),
        (waiver(expires="2026-06-14"), "fail", ["expired"]),
        (waiver(rule='"tool-too-old"'), "fail", ["unused"]),
        (waiver(expires="2026-06-14") + waiver(), "pass", ["expired", "used"]),
    ],
)
def test_waivers(tmp_path: Path, text: str, verdict: str, states: list[str]) -> None:
    result = report(tmp_path, text)
    assert result.verdict == verdict
    assert [entry.state for entry in result.waivers] == states


def test_a_waived_finding_stays_visible(tmp_path: Path) -> None:
    result = report(tmp_path, waiver())
    (found,) = [entry for entry in result.findings if entry.rule == "tool-missing"]
    assert (found.severity, found.waived_by) == ("error", "known (net)")
    assert {row.status for row in result.requirements if row.id == "tool.conntrack-tools"} == {"waived"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[waiver]]\nrule = 1\n", "not a waiver file"),
        (waiver(rule='"no-such"'), "there is no rule 'no-such'"),
        (waiver(reason='" "'), "empty reason"),
        (waiver(expires='"soon"'), "not a waiver file"),
        (waiver(until="1"), "until"),
        ("[[waiver\n", "not TOML"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        load_waivers(str(file))
    assert words in str(error.value)
