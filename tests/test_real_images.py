"""Audits of real images say what the images' own tools, loaders and package databases say."""

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.report.audit.document import document_schema as report_schema
from auditor.report.audit.document import to_document
from auditor.report.model import Report
from auditor.report.register import Style, write
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.export import FORMS, export
from fixtures.oracle import Oracle, oracle
from fixtures.workspace import Unavailable
from tests.images import EVERY_IMAGE, built, layout, report

SHARED_IMAGES = Path(__file__).parents[2] / "shared" / "images"


def asked(suite: str, architecture: str) -> Oracle:
    try:
        return oracle(built(suite, architecture))
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_versions_and_flavours_are_what_the_tools_print(suite: str, architecture: str) -> None:
    answers = asked(suite, architecture).tools
    binaries = {binary.name: binary for tool in report(suite, architecture).tools for binary in tool.binaries}
    printed = {
        name: (answer.version, answer.flavour)
        for name, answer in answers.items()
        if answer.version and name in binaries
    }
    assert len(printed) >= 25
    assert {name: (binaries[name].version, binaries[name].flavour or "") for name in printed} == printed


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_closures_of_the_tools_are_the_loaders(suite: str, architecture: str) -> None:
    programs = asked(suite, architecture).programs
    compared = 0
    for tool in report(suite, architecture).tools:
        for binary in tool.binaries:
            known = programs.get(binary.resolved_path)
            if known is None:
                continue
            compared += 1
            found = {entry.soname: entry.path for entry in binary.closure if entry.found_by != "interpreter"}
            expected = dict(known.ldd.closure)
            loader = [soname for soname in {**found, **expected} if "/" in soname or soname.startswith("ld")]
            for soname in loader:
                found.pop(soname, None)
                expected.pop(soname, None)
            assert found == expected, binary.path
    assert compared >= 30


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_packages_owners_and_set_types_are_the_images_own(suite: str, architecture: str) -> None:
    answers = asked(suite, architecture)
    result = report(suite, architecture)
    assert {package.name: package.version for package in result.inventory.packages} == answers.packages
    owned = {binary.resolved_path: binary.package for tool in result.tools for binary in tool.binaries}
    both = {path: owner for path, owner in answers.owners.items() if path in owned}
    assert both
    assert {path: owned[path] for path in both} == both
    if answers.set_types:
        found = {(entry.name, entry.revision) for entry in result.inventory.set_types}
        assert found == {tuple(entry) for entry in answers.set_types}


def _audit(reference: str) -> Report:
    with load(reference) as image:
        return audit(image, load_spec(), Options())


def _comparable(result: Report) -> dict[str, object]:
    document = to_document(result)
    for key in ("reference", "source", "digest"):
        document["image"].pop(key)
    for layer in document["image"]["layers"]:
        for key in ("digest", "media_type", "size"):
            layer.pop(key)
    return document


def test_every_form_of_an_image_gives_the_same_report() -> None:
    image = built()
    expected = _comparable(report())
    for form in FORMS:
        assert _comparable(_audit(f"{form.removesuffix('-gz')}:{export(image, form)}")) == expected, form


def test_a_directory_gives_the_same_tools_closures_and_findings() -> None:
    result = _audit(f"dir:{export(built(), 'dir')}")
    expected = report()

    def comparable(value: Report) -> dict[str, object]:
        document = to_document(value)
        tools = json.dumps(document["tools"])
        findings = [(entry["rule"], entry["subject"], entry["severity"]) for entry in document["findings"]]
        for number in range(9):
            tools = tools.replace(f'"layer": {number}', '"layer": null')
        if os.geteuid() != 0:  # who unpacks an image without root loses the capabilities of its files
            tools = re.sub(r'"capabilities": (?:\d+|\[[^\]]*\])', '"capabilities": []', tools)
        return {"tools": tools, "findings": [entry for entry in findings if entry[0] != "entrypoint-broken"]}

    assert comparable(result) == comparable(expected)


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_the_report_keeps_its_schema_and_is_the_same_each_time(suite: str, architecture: str) -> None:
    result = report(suite, architecture)
    jsonschema.validate(to_document(result), report_schema())
    again = _audit(f"oci-dir:{layout(built(suite, architecture))}")  # with nothing known of other images
    for name in ("json", "text"):
        assert write(result, name, Style(verbose=True)) == write(again, name, Style(verbose=True))


def test_a_good_image_fits_on_one_screen() -> None:
    text = write(report(), "text", Style())
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines()[1:-1])) <= 120


def test_the_real_alpine_image_has_applets_and_lacks_the_rest() -> None:
    archive = SHARED_IMAGES / "alpine-310.tar.gz"
    if not archive.exists():
        pytest.skip("the shared images are not beside this checkout")
    result = _audit(f"docker-archive:{archive}")
    errors = {
        (entry.rule, entry.evidence.get("program") or entry.subject)
        for entry in result.findings
        if entry.severity == "error"
    }
    missing = {"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"}
    missing |= {"ipset", "conntrack"}
    expected = {("tool-missing", name) for name in missing} | {("tool-is-applet", "ip"), ("tool-is-applet", "ping")}
    assert errors == expected
    assert result.verdict == "fail"
