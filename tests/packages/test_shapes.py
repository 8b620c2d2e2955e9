"""What an audit says of images of Red Hat's and Alpine's shape: the expected findings, and only where expected."""

import fnmatch
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fixtures.alpine.build import build_alpine
from fixtures.alpine.recipes import SHAPES as ALPINE
from fixtures.export import export
from fixtures.image import BuiltImage
from fixtures.oracle import oracle
from fixtures.recipe import Expected
from fixtures.redhat.build import build_redhat
from fixtures.redhat.recipes import SHAPES as RED_HAT
from fixtures.workspace import Unavailable

pytestmark = pytest.mark.full

DEFAULT = "calico-system-requirements"
SOUND = [shape.name for shape in RED_HAT if not any(expected.fails for expected in shape.expected)]
#: Those whose files can't be told apart from the base's once everything is in one layer.
FLAT = [shape.name for shape in RED_HAT if shape.on == "redhat-clean" or shape.name == "redhat-clean"]


def built(name: str, *, flat: bool = False) -> BuiltImage:
    try:
        return build_alpine(name) if name.startswith("alpine") else build_redhat(name, flat=flat)
    except Unavailable as error:
        pytest.skip(str(error))


@cache
def report(name: str, spec: str = DEFAULT, *options: str, flat: bool = False) -> dict[str, Any]:
    image = export(built(name, flat=flat), "docker-archive")
    # One platform alone is looked at: no image here has an index.
    command = [str(Path(sys.executable).with_name("audit-image")), "check", f"docker-archive:{image}", "--spec", spec]
    command += ["--platform", "linux/amd64", "-o", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["verdict"] == "pass") is (done.returncode == 0)
    return found


def findings(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    rows = found["findings"]
    return {(row["severity"], row["rule"], row["subject"]) for row in rows if row["severity"] != "note"}


def lacking(found: dict[str, Any], expected: Expected) -> bool:
    return not any(
        rule == expected.rule and fnmatch.fnmatch(subject, expected.subject) for _, rule, subject in findings(found)
    )


@pytest.mark.parametrize("shape", [*RED_HAT, *ALPINE], ids=lambda shape: shape.name)
def test_each_fault_is_reported_by_its_rule_and_fails(shape: Any) -> None:
    for expected in shape.expected:
        found = report(shape.name, expected.spec)
        assert not lacking(found, expected), findings(found)
        if expected.fails:
            assert found["verdict"] == "fail"


@pytest.mark.parametrize("name", SOUND)
def test_sound_images_pass(name: str) -> None:
    assert [row for row in findings(report(name)) if row[0] == "error"] == []


def test_the_cleaned_image_passes_by_todays_requirements() -> None:
    assert findings(report("redhat-clean", "calico-current")) == set()


def test_the_image_of_today_in_one_layer_meets_what_its_time_asks_for() -> None:
    """As the official one is made, of Debian's programs; the real one was not at hand."""
    for mode in ([], ["--mode", "nftables"]):
        assert findings(report("redhat-clean", "calico-current", *mode, flat=True)) == set()
    old = report("redhat-clean", flat=True)
    failing = [row["id"] for row in old["requirements"] if row["status"] == "not-met"]
    assert failing == ["tool.iputils"]
    assert [fit["spec"] for fit in old["fits"]] == ["calico-current"]


@pytest.mark.parametrize("name", FLAT)
def test_one_layer_has_the_findings_of_many(name: str) -> None:
    spec = next(expected.spec for shape in RED_HAT if shape.name == name for expected in shape.expected)
    assert findings(report(name, spec, flat=True)) == findings(report(name, spec))


@pytest.mark.parametrize("name", ["redhat", "redhat-ndb", "redhat-database-deleted", "redhat-database-damaged"])
def test_versions_are_those_that_the_tools_print(name: str) -> None:
    printed = oracle(built(name)).tools
    compared = 0
    for tool in report(name)["tools"]:
        for binary in tool["binaries"]:
            answer = printed.get(binary["name"])
            if answer is not None and answer.version:
                assert (binary["version"], binary["flavour"] or "") == (answer.version, answer.flavour), binary
                compared += 1
    assert compared > 20


def test_what_was_copied_in_is_unowned_and_what_was_installed_names_its_package() -> None:
    owners = {binary["name"]: binary["package"] for tool in report("redhat")["tools"] for binary in tool["binaries"]}
    assert owners["iptables-legacy"] == "unowned"
    assert owners["iptables"] == owners["iptables-nft"] == "iptables-nft"
    assert (owners["ip"], owners["ping"], owners["ipset"]) == ("iproute", "iputils", "ipset")
