"""Other people's programs read the bills."""

from pathlib import Path

import pytest

from auditor.report.register import Style, write
from tests.sbom import images
from tests.sbom.syft import packages, syft

EXPECTED = {
    ("iptables", "1:1.8.9-2+b1"),
    ("libc6", "2.36-9"),
    ("tzdata", "2024a-0"),
}


@pytest.mark.full
@pytest.mark.parametrize("name", ["cyclonedx-json", "spdx-json"])
def test_syft_reads_packages_tools_and_distribution(name: str, tmp_path: Path) -> None:
    file = tmp_path / "bill.json"
    file.write_text(write(images.report(), name, Style()))
    answer = syft("convert", str(file))
    found = packages(answer)
    assert {entry[:2] for entry in found} == EXPECTED
    assert all(purl.startswith("pkg:deb/debian/") for _, _, purl in found)
    others = {entry["name"]: entry["version"] for entry in answer["artifacts"] if entry["type"] != "deb"}
    assert others["conntrack-tools"] == "1.4.7"
    assert (answer["distro"]["id"], answer["distro"]["versionID"]) == ("debian", "12")


@pytest.mark.full
@pytest.mark.parametrize("name", ["cyclonedx-json", "spdx-json"])
def test_syft_survives_a_hostile_image(name: str, tmp_path: Path) -> None:
    file = tmp_path / "bill.json"
    file.write_text(write(images.hostile(), name, Style()))
    assert syft("convert", str(file))["artifacts"]
