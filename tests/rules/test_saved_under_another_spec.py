"""A saved report, judged by another spec than it was made for: what it was not asked is unknown, never missing."""

import datetime

import pytest
from msgspec.structs import replace

from auditor.auditing import judge
from auditor.inventory.model import Inventory, Whereabouts
from auditor.report.audit.document import from_document, to_document
from auditor.rules import ImageContext, Options, Subject, run_rules
from auditor.rules.image.rows import judge_rows
from auditor.spec import Spec, load_spec, read_spec
from tests.images import report
from tests.inventories import LAYERS, sound, with_tool
from tests.specs import own_row, own_spec

SPECS = ("base", "calico-system-requirements", "felix", "calico-current", "nginx", "kube-proxy")
FEATURE = own_spec(own_row("feature.vxlan", "A tunnel.", tools=["iproute2"], link_types=["vxlan"]), iproute2="ip")


def ipset(fields: str) -> Spec:
    return read_spec(f'name = "mine"\nextends = "base"\n[tool.ipset]\n{fields}', "mine.toml")


def read_by(how: str) -> Inventory:
    tool = sound().tool("ipset")
    assert tool is not None
    return with_tool(sound(), replace(tool, version_by=how))


def statuses(inventory: Inventory, spec: Spec) -> dict[str, str]:
    context = ImageContext(spec, Options(chosen_platform=True), inventory, LAYERS)
    return {row.requirement.id: row.status for row in judge_rows(context, run_rules(Subject.IMAGE, context))}


@pytest.mark.parametrize(
    ("inventory", "spec", "row", "status"),
    [
        # A program that nobody looked for, and one that was looked for.
        (sound(), ipset('programs = ["ipset", "ipset-translate"]'), "tool.ipset", "unknown"),
        (
            replace(sound(), whereabouts=(Whereabouts("ipset-translate"),)),
            ipset('programs = ["ipset", "ipset-translate"]'),
            "tool.ipset",
            "not-met",
        ),
        # A version that was read in another way, and in this one.
        (sound(), ipset('minimum = "7.18"'), "tool.ipset", "not-met"),
        (sound(), ipset('version_from = "package"\nminimum = "7.18"'), "tool.ipset", "unknown"),
        (read_by("package"), ipset('version_from = "package"\nminimum = "7.18"'), "tool.ipset", "not-met"),
        (read_by("package"), ipset('minimum = "7.18"'), "tool.ipset", "unknown"),
        (read_by("package"), ipset('version_from = "package"'), "tool.ipset", "met"),
        # A link type that `ip` was not searched for, one that it was, and a report of before this was kept.
        (replace(sound(), link_types_asked=("ipip",)), FEATURE, "feature.vxlan", "unknown"),
        (replace(sound(), link_types_asked=("ipip", "vxlan")), FEATURE, "feature.vxlan", "not-met"),
        (sound(), FEATURE, "feature.vxlan", "not-met"),
    ],
)
def test_what_was_not_asked_is_unknown(inventory: Inventory, spec: Spec, row: str, status: str) -> None:
    assert statuses(inventory, spec)[row] == status


@pytest.mark.full
@pytest.mark.parametrize("saved_under", SPECS)
def test_a_saved_report_never_says_otherwise_than_the_image(saved_under: str) -> None:
    """Of a real image: each row as an audit under that spec judges it, or unknown."""
    saved = from_document(to_document(report(spec=saved_under)), "saved")
    for name in SPECS:
        fresh = {row.id: row.status for row in report(spec=name).requirements}
        again = judge(
            saved.image,
            saved.inventory,
            load_spec(name),
            Options(chosen_platform=True),
            today=datetime.date(2026, 1, 1),
        )
        told = {row.id: row.status for row in again.requirements}
        assert {row for row in told if told[row] not in (fresh[row], "unknown")} == set(), name
        assert name != saved_under or told == fresh


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ('version_from = "package"', "package"),
        ('pattern = "v([0-9.]+)"', "what this pattern matches"),
        ("", "the program itself"),
    ],
)
def test_from_where_a_version_was_not_read(fields: str, where: str) -> None:
    spec = ipset(f'{fields}\nminimum = "7.18"')
    image = ImageContext(spec, Options(chosen_platform=True), read_by("go:mine"), LAYERS)
    (row,) = (row for row in spec.requirements if row.id == "tool.ipset")
    assert f"read the version of ipset from {where}" in image.version_not_looked_for(row)
