"""The bill of a real image: the packages that syft lists, nothing lost, little more time than the audit."""

import gzip
import json
import posixpath
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from ntia_conformance_checker import NTIAChecker
from packageurl import PackageURL
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.bill.build import build
from auditor.report.register import Style, write
from auditor.report.schema import dump
from fixtures.alpine.build import build_alpine
from fixtures.apt import SUITES
from fixtures.export import export
from fixtures.image import BuiltImage
from fixtures.redhat.build import build_redhat
from fixtures.workspace import Unavailable
from tests.images import built, report
from tests.sbom.syft import packages, syft

FORMATS = ("cyclonedx-json", "spdx-json")
LARGEST = ("bookworm", "amd64", "full-size")  # as large as the real image


def test_cyclonedx_of_a_real_image_keeps_the_schema_and_has_every_object_and_package() -> None:
    found = report()
    text = write(found, "cyclonedx-json", Style())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    files = {entry["name"] for entry in document["components"] if entry["type"] == "file"}
    assert files == {entry.path for entry in found.inventory.objects}
    libraries = [entry for entry in document["components"] if entry["type"] == "library"]
    assert len(libraries) == len(found.inventory.packages)
    graph = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    reached, todo = set(), ["image"]
    while todo:
        ref = todo.pop()
        if ref not in reached:
            reached.add(ref)
            todo += graph[ref]
    loose = {ref for ref in graph if ref not in reached and not ref.endswith("/os")}
    assert loose == set()


def test_spdx_has_what_its_readers_ask_at_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the NTIA's minimum elements, by their checker: with a supplier, which no image says."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    bill, saved = tmp_path / "bill.spdx.json", tmp_path / "report.json"
    saved.write_text(write(report(), "json", Style()))
    assert run(["sbom", f"report:{saved}", "--supplier", "Tigera <a@example.com>", "-o", f"spdx-json={bill}"]) == 0
    assert NTIAChecker(str(bill)).compliant


def test_spdx_of_a_real_image_is_valid() -> None:
    document = JsonLikeDictParser().parse(json.loads(write(report(), "spdx-json", Style())))
    assert [message.validation_message for message in validate_full_spdx_document(document)] == []


def test_every_closure_is_in_the_graph() -> None:
    """What a program loads, by its closure, is what the graph leads to from it."""
    found = report()
    graph = dict(build(found).images[0].edges)
    names = {
        f"file:{entry.path}": {entry.soname or "", posixpath.basename(entry.path)} for entry in found.inventory.objects
    }
    for tool in found.tools:
        for binary in tool.binaries:
            reached: set[str] = set()
            todo = [f"file:{binary.resolved_path}"]
            while todo:
                ref = todo.pop()
                if ref not in reached:
                    reached.add(ref)
                    todo += graph.get(ref, ())
            loaded = {name for ref in reached for name in names.get(ref, ())}
            assert {posixpath.basename(entry.soname) for entry in binary.closure if entry.path} <= loaded, binary.path


@pytest.mark.full
@pytest.mark.parametrize("suite", SUITES)
def test_the_packages_are_syft_s(suite: str) -> None:
    image = built(suite)
    listed = packages(syft("scan", f"docker-archive:{export(image, 'docker-archive')}"))
    own = {(entry.package.name, entry.package.version, entry.purl) for entry in build(report(suite)).images[0].packages}
    assert _parsed(own) == _parsed(listed)
    print(f"{suite}: {len(own)} packages, as syft")


@pytest.mark.full
@pytest.mark.parametrize(
    ("build_shape", "shape"),
    [(build_redhat, "redhat"), (build_redhat, "redhat-ndb"), (build_redhat, "redhat-bdb"), (build_alpine, "alpine")],
)
def test_the_packages_of_other_package_managers_are_syft_s(
    build_shape: Callable[[str], BuiltImage], shape: str, tmp_path: Path
) -> None:
    try:
        archive = export(build_shape(shape), "docker-archive")
    except Unavailable as error:
        pytest.skip(str(error))
    listed = packages(syft("scan", f"docker-archive:{archive}"))
    own = _own(archive, tmp_path)
    assert _parsed(own) == _parsed(listed)
    print(f"{shape}: {len(own)} packages, as syft")


SHARED = Path(__file__).resolve().parents[3] / "shared" / "images"
ALPINE = SHARED / "alpine-310.tar.gz"


@pytest.mark.full
def test_the_packages_of_a_published_alpine_are_syft_s(tmp_path: Path) -> None:
    if not ALPINE.exists():
        pytest.skip("the shared image of Alpine is not there")
    plain = tmp_path / "alpine.tar"  # syft takes no compressed archive
    plain.write_bytes(gzip.decompress(ALPINE.read_bytes()))
    listed = packages(syft("scan", f"docker-archive:{plain}"))
    assert _parsed(_own(ALPINE, tmp_path)) == _parsed(listed)


def _own(archive: Path, folder: Path) -> set[tuple[str, str, str]]:
    """(name, version, purl) of the packages in the bill."""
    file = folder / "bill.json"
    assert run(["sbom", f"docker-archive:{archive}", "-o", f"cyclonedx-json={file}"]) == 0
    components = json.loads(file.read_text())["components"]
    return {(entry["name"], entry["version"], entry["purl"]) for entry in components if entry["type"] == "library"}


def _parsed(found: set[tuple[str, str, str]]) -> set[tuple[str, str, PackageURL]]:
    """Spelled alike: a colon may be escaped or not."""
    return {(name, version, PackageURL.from_string(purl)) for name, version, purl in found}


@pytest.mark.full
@pytest.mark.parametrize("name", FORMATS)
def test_the_largest_image_s_bill_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    found = report(*LARGEST)
    saved = tmp_path / "report.json"
    saved.write_text(dump(to_document(found)))
    texts = []
    for _ in range(3):
        file = tmp_path / "bill.json"
        code = (
            "import sys, json; from pathlib import Path\n"
            "from auditor.report.audit.document import from_document\n"
            "found = from_document(json.loads(Path(sys.argv[1]).read_bytes()), 'report')\n"
            "from auditor.report.register import Style, write\n"
            "Path(sys.argv[2]).write_text(write(found, sys.argv[3], Style()))\n"
        )
        command = [sys.executable, "-c", code, str(saved), str(file), name]
        subprocess.run(command, check=True, timeout=120)
        texts.append(file.read_text())
    assert len(set(texts)) == 1
