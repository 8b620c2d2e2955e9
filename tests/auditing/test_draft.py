"""A drafted waiver file: it accepts what fails, once somebody says why."""

import datetime
import tomllib
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from auditor.auditing.draft import draft_waivers
from auditor.auditing.waivers import load_waivers, waiver_schema
from auditor.cli.main import run
from auditor.errors import UsageError
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from auditor.severity import FailOn
from tests.auditing.test_baseline import ONE, without
from tests.report.test_document import report

DAY = datetime.date(2026, 1, 1)


def test_a_draft_waives_all_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, draft = tmp_path / "report.json", tmp_path / "waivers.toml"
    saved.write_text(dump(to_document(report(without("ipset", "conntrack-tools")))))
    command = ["check", f"report:{saved}"]
    assert run([*command, "--write-waivers", str(draft)]) == 1
    assert run([*command, "--waivers", str(draft)]) == 2
    assert f"{draft}:4: a waiver for tool-missing has an empty reason or owner" in capsys.readouterr().err
    text = draft.read_text().replace('reason = ""', 'reason = "known"').replace('owner = ""', 'owner = "net"')
    assert run([*command, "--write-waivers", str(draft)]) == 2, "what somebody wrote is not written over"
    draft.write_text(text)
    assert run([*command, "--waivers", str(draft)]) == 0
    document = tomllib.loads(text)
    for entry in document["waiver"]:
        entry["expires"] = entry["expires"].isoformat()
    jsonschema.validate(document, waiver_schema())
    assert run(["waivers", "validate", str(draft)]) == 0


@pytest.mark.parametrize("subject", ["lib[x]*?.so", "a\nb", 'q"\\', "caf\xe9", "\udcff", "\U0001f40b", "\x7f"])
def test_a_draft_matches_any_subject(subject: str, tmp_path: Path) -> None:
    finding = replace(ONE, subject=subject, message=subject)
    text = draft_waivers([replace(report(), findings=(finding,))], FailOn.WARNING, DAY)
    file = tmp_path / "waivers.toml"
    file.write_text(text.replace('""', '"x"'))
    (waiver,) = load_waivers(str(file))
    assert waiver.accepts(finding, "any")
    assert not waiver.accepts(replace(finding, subject="libxyz.so"), "any")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[waiver]]\nsubjekt = "x"', "waiver 1 has no key 'subjekt'; did you mean 'subject'?"),
        (
            "[[waiver]]\nuntil = 1",
            "waiver 1 has no key 'until'; the keys are: rule, reason, owner, expires, subject",
        ),
        ("[[waivers]]\nrule = 1", "the waiver file has no key 'waivers'; did you mean 'waiver'?"),
        (
            '[[waiver]]\nrule = "tool-missing"\nreason = "x"\nowner = "x"\nexpires = "soon"',
            "write expires = 2027-01-31",
        ),
    ],
)
def test_a_slip_names_what_was_meant(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_waivers(str(file))
    assert told in str(caught.value)
    assert run(["waivers", "validate", str(file)]) == 2
