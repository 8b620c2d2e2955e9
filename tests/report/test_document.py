"""The JSON report: it keeps the published schema, survives the way there and back, and is the same each time."""

import datetime
import json

import jsonschema
import pytest

from auditor.auditing import judge
from auditor.errors import UsageError
from auditor.image.model import Platform
from auditor.inventory.model import Inventory, Tool
from auditor.report.audit.document import document_schema as report_schema
from auditor.report.audit.document import from_document, to_document
from auditor.report.model import IndexReport, Report, ReportImage, ReportIndex
from auditor.report.register import Kind, Style, formats, write
from auditor.rules import Options
from auditor.spec import load_spec
from tests.inventories import LAYERS, sound, with_tool

KEYS = {"schema_version", "image", "spec", "verdict", "tools", "requirements", "findings", "inventory"}


def report(inventory: Inventory | None = None, reference: str = "calico/node:v1") -> Report:
    image = ReportImage(reference, "docker-archive", None, "sha256:1", Platform("linux", "amd64"), LAYERS)
    return judge(image, inventory or sound(), load_spec(), Options(), today=datetime.date(2026, 1, 1))


BROKEN = with_tool(sound(), Tool("ipset", None, (), (), "not in the image"))


@pytest.mark.parametrize("inventory", [sound(), BROKEN])
def test_the_document_keeps_the_schema_and_comes_back_equal(inventory: Inventory) -> None:
    value = report(inventory)
    document = to_document(value)
    assert set(document) >= KEYS
    jsonschema.validate(document, report_schema())
    assert to_document(from_document(json.loads(json.dumps(document)), "report.json")) == document


def test_a_report_of_an_index_keeps_the_schema() -> None:
    one = report()
    document = to_document(
        IndexReport(ReportIndex("calico/node:v1", "registry", None, (one.image.platform,)), "pass", (one, one), ())
    )
    assert set(document) == {"schema_version", "index", "verdict", "rules", "platforms", "findings"}
    jsonschema.validate(document, report_schema())


def test_every_row_of_the_spec_is_in_the_report() -> None:
    assert [row.id for row in report().requirements] == [row.id for row in load_spec().requirements]


def test_kernel_rows_say_what_they_need() -> None:
    rows = {row.id: row for row in report().requirements}
    needs = rows["feature.xt_set"].needs
    assert rows["feature.xt_set"].kernel == "needs-kernel"
    assert needs is not None
    assert "xt_set" in needs.modules
    assert rows["tool.ipset"].kernel is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"inventory": {}},
        {"schema_version": "1", "inventory": {"path": 3}},
        {**to_document(report()), "verdict": "\ud800"},
    ],
)
def test_what_is_no_report_is_refused(document: object) -> None:
    with pytest.raises(UsageError):
        from_document(document, "report.json")


@pytest.mark.parametrize("name", formats(Kind.REPORT))
@pytest.mark.parametrize("inventory", [sound(), BROKEN])
def test_formats_are_the_same_each_time(name: str, inventory: Inventory) -> None:
    value = report(inventory)
    assert write(value, name) == write(report(inventory), name)


def test_a_good_image_fits_on_one_screen() -> None:
    lines = write(report(), "text", Style()).splitlines()
    assert len(lines) <= 24
    assert lines[-1].startswith("PASS")


def test_the_text_puts_findings_first_with_layer_and_mend() -> None:
    text = write(report(BROKEN), "text", Style())
    assert text.index("error[tool-missing] ipset") < text.index("requirements")
    assert "fix: " in text
    assert text.splitlines()[-1].startswith("FAIL")


def test_no_control_character_of_an_image_reaches_a_terminal() -> None:
    text = write(report(BROKEN, "calico\x1b[2J\x1b]0;x\x07\ue0002J\ue001/node\udcff"), "text", Style(colour=True))
    allowed = {"\x1b[31;1m", "\x1b[0m", "\x1b[2m"}
    rest = text
    for code in allowed:
        rest = rest.replace(code, "")
    assert "\x1b" not in rest
    assert "\x07" not in rest
    text.encode()
