"""What a bill of materials says, which schemas it keeps, and that it is the same each time."""

import json
from collections.abc import Callable
from typing import Any

import license_expression
import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec.structs import replace
from packageurl import PackageURL
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from auditor.errors import UsageError
from auditor.inventory.model import Distribution, InstalledPackage, Inventory, Tool
from auditor.report.audit.document import from_document, to_document
from auditor.report.bill.build import _methods, _tool_facts
from auditor.report.bill.completeness import doubts
from auditor.report.bill.licence import licensing, spdx_expression
from auditor.report.bill.naming import shown_name
from auditor.report.bill.purl import package_purl
from auditor.report.bill.supplier import supplier
from auditor.report.model import IndexReport, Report
from auditor.report.register import Style, write
from auditor.report.schema import dump
from auditor.tools.model import Evidence
from tests.inventories import binary
from tests.sbom import images
from tests.sbom.images import DIGEST, LIBC, LIBMNL, MULTI, PLUGIN

FORMATS = ("cyclonedx-json", "spdx-json")
REPORTS: dict[str, Callable[[], Report | IndexReport]] = {
    "image": images.report,
    "index": images.index,
    "hostile": images.hostile,
}


def written(name: str, report: Report | IndexReport) -> str:
    return write(report, name, Style())


def cyclonedx(report: Report | IndexReport | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(written("cyclonedx-json", report or images.report()))
    return document


def spdx(report: Report | IndexReport | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(written("spdx-json", report or images.report()))
    return document


def properties(component: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["name"], entry["value"]) for entry in component.get("properties", ())]


def made_by(version: str | None = "7.17", **fields: object) -> Tool:
    one = replace(binary("ipset", "ipset"), **fields)
    seen = (Evidence("elf-string", "7.17", "/usr/sbin/ipset"), Evidence("strange", "x", "/y"))
    return Tool("ipset", version, seen, (one,))


SEEN = [("binary-analysis", "0.9", "/usr/sbin/ipset: 7.17"), ("other", "0.3", "/y: x")]
NAMED = "package ipset: 7.17"


@pytest.mark.parametrize(
    ("tool", "methods"),
    [
        (made_by(package_version=None), SEEN),
        (made_by(package_version="7.16"), SEEN),
        (made_by(package=None, package_version="7.17"), SEEN),
        (made_by(package_version="7.17"), [SEEN[0], ("manifest-analysis", "0.7", NAMED), SEEN[1]]),
        (made_by(package_version="7.17", vouched=True), [SEEN[0], ("manifest-analysis", "0.7", NAMED), SEEN[1]]),
        (made_by(package_version="7.17", vouched=False), [SEEN[0], ("manifest-analysis", "0.3", NAMED), SEEN[1]]),
        (made_by(None, package_version="7.17"), []),
    ],
)
def test_how_a_version_is_known_and_how_sure_that_is(tool: Tool, methods: list[tuple[str, str, str]]) -> None:
    assert [(one.technique, one.confidence, one.value) for one in _methods(tool)] == methods


@pytest.mark.parametrize(
    ("tool", "facts"),
    [
        (made_by(), {"program": "/usr/sbin/ipset"}),
        (made_by(version="7.16"), {"program": "/usr/sbin/ipset", "program:/usr/sbin/ipset:version": "7.17"}),
        (replace(made_by(), version="7.17", reason="why"), {"program": "/usr/sbin/ipset", "reason": "why"}),
        (made_by(flavour="legacy"), {"flavour": "legacy", "program": "/usr/sbin/ipset"}),
    ],
)
def test_a_program_of_another_version_than_its_tool_says_so(tool: Tool, facts: dict[str, str]) -> None:
    assert dict(_tool_facts(tool)) == {f"audit-image:tool:{name}": value for name, value in facts.items()}
    unversioned = replace(tool, binaries=(replace(tool.binaries[0], version=None),))
    assert not [name for name, _ in _tool_facts(unversioned) if name.endswith(":version")]


@pytest.mark.parametrize("name", REPORTS)
def test_cyclonedx_keeps_the_official_schema_and_is_read_by_its_own_library(name: str) -> None:
    text = written("cyclonedx-json", REPORTS[name]())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    read = Bom.from_json(json.loads(text))  # type: ignore[attr-defined]  # made by a decorator
    assert len(read.components) == len(json.loads(text)["components"])


@pytest.mark.parametrize("name", REPORTS)
def test_spdx_is_valid_by_its_own_tools(name: str) -> None:
    document = JsonLikeDictParser().parse(spdx(REPORTS[name]()))
    assert [message.validation_message for message in validate_full_spdx_document(document)] == []


NO_DATABASE = replace(images.inventory(), packages=(), package_warnings=())
DAMAGED = replace(images.inventory(), package_warnings=("/var/lib/dpkg/info: no file list of libc6",))


@pytest.mark.parametrize(
    ("found", "aggregate", "says"),
    [(NO_DATABASE, "unknown", "no package database"), (DAMAGED, "incomplete", "no file list of libc6")],
    ids=["no packages", "damaged"],
)
def test_a_bill_that_may_lack_packages_says_so(found: Inventory, aggregate: str, says: str) -> None:
    report = images.report(found)
    text = written("cyclonedx-json", report)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["compositions"] == [
        {"aggregate": aggregate, "assemblies": ["image"], "dependencies": ["image"]}
    ]
    assert says in spdx(report)["comment"]
    assert "incomplete" in doubts(report)[0]
    assert says in doubts(report)[0]


def test_a_bill_of_an_image_whose_databases_were_read_doubts_nothing() -> None:
    assert "compositions" not in cyclonedx()
    assert "comment" not in spdx()
    assert doubts(images.index()) == ()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("report", REPORTS)
def test_the_same_image_gives_the_same_bytes_also_from_its_saved_report(name: str, report: str) -> None:
    fresh = REPORTS[report]()
    text = written(name, fresh)
    assert written(name, REPORTS[report]()) == text
    if isinstance(fresh, Report):
        assert written(name, from_document(json.loads(dump(to_document(fresh))), "report.json")) == text


@pytest.mark.parametrize("name", FORMATS)
def test_order_in_the_report_is_no_difference(name: str) -> None:
    inventory = images.inventory()
    turned = replace(inventory, packages=inventory.packages[::-1], objects=inventory.objects[::-1])
    assert written(name, images.report(turned)) == written(name, images.report())


@pytest.mark.parametrize(("name", "key"), [("cyclonedx-json", "serialNumber"), ("spdx-json", "documentNamespace")])
def test_the_serial_number_is_the_image_s_own(name: str, key: str) -> None:
    def number(report: Report) -> str:
        value: str = json.loads(written(name, report))[key]
        return value

    one = number(images.report())
    assert one.startswith("urn:uuid:")
    assert number(images.report()) == one
    assert number(images.report(digest="sha256:" + "ff" * 32)) != one
    assert number(images.report(replace(images.inventory(), packages=()))) != one


def test_the_only_time_in_a_bill_is_the_build_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "timestamp" not in cyclonedx()["metadata"]
    assert spdx()["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert cyclonedx()["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert spdx()["creationInfo"]["created"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("value", ["yesterday", "-1", "1e9", "9" * 30, "١"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_build_time_that_is_none_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    with pytest.raises(UsageError):
        written(name, images.report())


def test_cyclonedx_names_the_image_with_digests_layers_and_every_requirement() -> None:
    report = images.report()
    image = cyclonedx(report)["metadata"]["component"]
    said = dict(properties(image))
    assert (image["type"], image["name"], image["version"]) == ("container", "calico/node", DIGEST)
    assert image["purl"] == f"pkg:oci/node@{DIGEST}?arch=amd64&repository_url=docker.io/calico/node&tag=v3.30.0"
    assert said["audit-image:image:digest"] == DIGEST
    assert said["audit-image:layer:0:diff-id"] == images.LAYERS[0].diff_id
    assert said["audit-image:layer:1:created-by"] == "RUN cp xtables /usr/sbin"
    assert said["audit-image:verdict"] == report.verdict
    rows = {row.id: row.status for row in report.requirements}
    assert {row: said[f"audit-image:requirement:{row}"] for row in rows} == rows


def test_the_list_of_licences_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not for each package of hundreds."""
    read: list[object] = []
    whole = license_expression.get_license_index

    def counted(*place: str) -> object:
        read.append(place)
        return whole(*place)

    monkeypatch.setattr(license_expression, "get_license_index", counted)
    licensing.cache_clear()
    spdx_expression.cache_clear()
    worded = tuple(replace(package, licence=f"words {package.name}") for package in images.PACKAGES)
    assert len(worded) > 1
    spdx(images.report(replace(images.inventory(), packages=worded)))
    assert len(read) == 1


def test_cyclonedx_names_every_package_with_purl_supplier_and_licence() -> None:
    licensed = InstalledPackage(
        "apk", "musl", "1.2.5-r0", "x86_64", "1.2.5", "musl", "1.2.5-r0", "", "MIT AND BSD-2-Clause"
    )
    worded = replace(licensed, name="old", licence="GPLv2+ and others")
    found = replace(images.inventory(), packages=(*images.PACKAGES, licensed, worded))
    packages = [entry for entry in cyclonedx(images.report(found))["components"] if entry["type"] == "library"]
    assert sorted(entry["name"] for entry in packages) == ["iptables", "libc6", "musl", "old", "tzdata"]
    iptables = next(entry for entry in packages if entry["name"] == "iptables")
    assert iptables["version"] == "1:1.8.9-2+b1"
    assert iptables["supplier"] == {"name": "Netfilter Packaging Team", "contact": [{"email": "team@example.org"}]}
    assert iptables["externalReferences"] == [{"type": "website", "url": "https://www.netfilter.org/"}]
    licences = {entry["name"]: entry.get("licenses") for entry in packages}
    assert licences["iptables"] is None
    assert licences["musl"] == [{"expression": "MIT AND BSD-2-Clause", "acknowledgement": "declared"}]
    assert licences["old"] == [{"license": {"name": "GPLv2+ and others", "acknowledgement": "declared"}}]
    assert all("http" not in json.dumps(entry.get("externalReferences", "")) for entry in packages if entry != iptables)


def test_cyclonedx_says_how_a_tool_s_version_was_seen() -> None:
    tools = {entry["name"]: entry for entry in cyclonedx()["components"] if entry["type"] == "application"}
    assert set(tools) == {"iptables", "ip6tables", "ipset", "iputils", "iproute2", "conntrack-tools"}
    identity = tools["iptables"]["evidence"]["identity"]
    assert (identity["field"], identity["concludedValue"], identity["confidence"]) == ("version", "1.8.9", 0.9)
    assert [(method["technique"], method["confidence"]) for method in identity["methods"]] == [
        ("binary-analysis", 0.9),
        ("manifest-analysis", 0.7),
    ]
    assert tools["iptables"]["evidence"]["occurrences"][0]["location"] == MULTI


def test_cyclonedx_names_every_object_with_its_owner_and_layer() -> None:
    files = {entry["name"]: entry for entry in cyclonedx()["components"] if entry["type"] == "file"}
    assert set(files) == {MULTI, LIBMNL, LIBC, PLUGIN}
    said = dict(properties(files[LIBMNL]))
    assert said["audit-image:soname"] == "libmnl.so.0"
    assert said["audit-image:package"] == "unowned"
    assert said["audit-image:layer:diff-id"] == images.LAYERS[1].diff_id
    assert said["audit-image:build-id"]
    assert files[LIBMNL]["hashes"] == [{"alg": "SHA-256", "content": images.OBJECTS[1].sha256}]


def test_cyclonedx_has_the_graph_from_tool_to_library() -> None:
    graph = {entry["ref"]: entry.get("dependsOn", []) for entry in cyclonedx()["dependencies"]}
    assert graph["tool:iptables"] == [f"file:{PLUGIN}", f"file:{MULTI}"]
    assert graph[f"file:{MULTI}"] == [f"file:{LIBC}", f"file:{LIBMNL}"]
    assert graph[f"file:{LIBMNL}"] == [f"file:{LIBC}"]
    assert graph[f"file:{LIBC}"] == []
    assert {"tool:iptables", "tool:ipset"} < set(graph["image"])


def test_spdx_says_the_same_as_cyclonedx() -> None:
    document, other = spdx(), cyclonedx()
    packages = {entry["name"]: entry for entry in document["packages"] if entry["primaryPackagePurpose"] == "LIBRARY"}
    purls = {entry["name"]: entry["purl"] for entry in other["components"] if entry["type"] == "library"}
    assert {name: entry["externalRefs"][0]["referenceLocator"] for name, entry in packages.items()} == purls
    assert packages["iptables"]["supplier"] == "Organization: Netfilter Packaging Team (team@example.org)"
    files = {entry["fileName"]: entry for entry in document["files"]}
    assert set(files) == {f".{path}" for path in (MULTI, LIBMNL, LIBC, PLUGIN)}
    assert {entry["algorithm"] for entry in files[f".{LIBC}"]["checksums"]} == {"SHA1", "SHA256"}
    names = {
        entry["SPDXID"]: entry.get("fileName") or entry["name"] for entry in (*document["files"], *document["packages"])
    }
    links = {
        (names.get(entry["spdxElementId"]), entry["relationshipType"], names.get(entry["relatedSpdxElement"]))
        for entry in document["relationships"]
    }
    assert ("iptables", "DEPENDS_ON", f".{MULTI}") in links
    assert (f".{MULTI}", "DYNAMIC_LINK", f".{LIBMNL}") in links
    assert (f".{LIBMNL}", "DYNAMIC_LINK", f".{LIBC}") in links
    assert (f".{LIBC}", "OTHER", "libc6") in links
    assert (f".{LIBMNL}", "OTHER", "calico/node") in links
    image = next(entry for entry in document["packages"] if entry["primaryPackagePurpose"] == "CONTAINER")
    said = {comment for entry in image["annotations"] for comment in [entry["comment"]]}
    for name, value in properties(other["metadata"]["component"]):
        assert f"{name}: {value}" in said


def test_an_index_has_every_platform_s_packages() -> None:
    document = cyclonedx(images.index())
    platforms = [entry["bom-ref"] for entry in document["components"] if entry["type"] == "container"]
    assert platforms == ["image:linux/amd64", "image:linux/arm64/v8"]
    graph = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    assert graph["index"] == platforms
    assert sum(entry["type"] == "library" for entry in document["components"]) == 2 * len(images.PACKAGES)


DEBIAN, RHEL = Distribution("debian", "12"), Distribution("rhel", "9.4")
SUSE, ALPINE = Distribution("opensuse-leap", "15.6"), Distribution("alpine", "3.20.1")


@pytest.mark.parametrize(
    ("package", "distribution", "expected"),
    [
        (
            InstalledPackage("deb", "libc6", "2.36-9+deb12u4", "amd64", "2.36", "glibc", "2.36-9+deb12u4"),
            DEBIAN,
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc",
        ),
        (
            InstalledPackage("deb", "bash", "5.2.15-2+b7", "amd64", "5.2.15", "bash", "5.2.15-2"),
            DEBIAN,
            "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2",
        ),
        (
            InstalledPackage("deb", "tzdata", "2024a-0", "all", "2024a", "tzdata", "2024a-0"),
            Distribution("debian"),
            "pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian",
        ),
        (
            InstalledPackage("deb", "tzdata", "2024a-0", "all", "2024a"),
            Distribution(),
            "pkg:deb/tzdata@2024a-0?arch=all",
        ),
        (
            InstalledPackage("rpm", "ipset", "7.11-8.el9", "x86_64", "7.11", "ipset", "7.11-8.el9"),
            RHEL,
            "pkg:rpm/redhat/ipset@7.11-8.el9?arch=x86_64&distro=rhel-9.4&upstream=ipset-7.11-8.el9.src.rpm",
        ),
        (
            InstalledPackage("rpm", "shadow", "2:4.9-8.el9", "x86_64", "4.9", "shadow", "4.9-8.el9"),
            RHEL,
            "pkg:rpm/redhat/shadow@4.9-8.el9?arch=x86_64&distro=rhel-9.4&epoch=2&upstream=shadow-4.9-8.el9.src.rpm",
        ),
        (
            InstalledPackage("rpm", "aaa_base", "84.87", "x86_64", "84.87"),
            SUSE,
            "pkg:rpm/opensuse/aaa_base@84.87?arch=x86_64&distro=opensuse-leap-15.6",
        ),
        (
            InstalledPackage("apk", "libcap2", "2.70-r0", "x86_64", "2.70", "libcap", "2.70-r0"),
            ALPINE,
            "pkg:apk/alpine/libcap2@2.70-r0?arch=x86_64&distro=alpine-3.20.1&upstream=libcap",
        ),
        (
            InstalledPackage("apk", "musl", "1.2.5-r0", "x86_64", "1.2.5", "musl", "1.2.5-r0"),
            ALPINE,
            "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1",
        ),
        (InstalledPackage("deb", "", "1", "all", "1"), DEBIAN, ""),
        (InstalledPackage("brew", "x", "1", "all", "1"), DEBIAN, ""),
    ],
)
def test_purls(package: InstalledPackage, distribution: Distribution, expected: str) -> None:
    assert package_purl(package, distribution) == expected
    if expected:
        assert PackageURL.from_string(expected).to_string() == expected


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("calico/node:v3.30.0", "calico/node"),
        ("alpine", "alpine"),
        ("docker:quay.io/calico/node:v3.30.0", "quay.io/calico/node"),
        ("registry:localhost:5000/node@" + DIGEST, "localhost:5000/node"),
        ("docker-archive:/builds/node.tar", "node.tar"),
        ("docker-archive:/builds/node.tar:calico/node:v3", "node.tar"),
        ("oci-dir:layout@" + DIGEST, "layout"),
        ("./node.tar", "node.tar"),
        ("dir:/", "/"),
    ],
)
def test_a_bill_s_title_holds_no_path_of_the_machine(reference: str, name: str) -> None:
    assert shown_name(reference) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("GPL-2.0-only AND MIT", "GPL-2.0-only AND MIT"),
        ("GPLv2+", ""),
        ("MIT BSD", ""),
        ("(MIT", ""),
        ("", ""),
        ("(" * 10_000, ""),
    ],
)
def test_licences(text: str, expected: str) -> None:
    assert spdx_expression(text) == expected


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("Red Hat, Inc.", ("Red Hat, Inc.", "")),
        ("A Team <team@example.org>", ("A Team", "team@example.org")),
        ("<team@example.org>", ("team@example.org", "team@example.org")),
        ("A <b> <c>", ("A <b> <c>", "")),
    ],
)
def test_suppliers(vendor: str, expected: tuple[str, str]) -> None:
    assert supplier(vendor) == expected


def test_who_hands_an_image_out_is_said_where_it_is_told() -> None:
    style = Style(supplier="Net Team <net@example.org>")
    spdx = json.loads(write(images.index(), "spdx-json", style))
    told = [one["supplier"] for one in spdx["packages"] if one.get("primaryPackagePurpose") == "CONTAINER"]
    assert set(told) == {"Organization: Net Team (net@example.org)"}
    made = json.loads(write(images.index(), "cyclonedx-json", style))
    assert made["metadata"]["component"]["supplier"]["name"] == "Net Team"


def test_a_time_is_stated_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "SOURCE_DATE_EPOCH" in json.loads(write(images.index(), "spdx-json"))["creationInfo"]["comment"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    told = json.loads(write(images.index(), "spdx-json"))["creationInfo"]
    assert (told["created"], told.get("comment")) == ("2023-11-14T22:13:20Z", None)
    made = json.loads(write(images.index(), "cyclonedx-json"))
    assert made["metadata"]["timestamp"].startswith("2023-11-14T22:13:20")
