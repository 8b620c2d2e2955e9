"""One image, seven places to keep it: the same report from each. An index of four real platforms in one run."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor import events
from auditor.auditing import audit, audit_index
from auditor.auditing.load import load, load_index
from auditor.image import Access, Image
from auditor.report.audit.document import document_schema as report_schema
from auditor.report.audit.document import to_document
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.apt import ARCHITECTURES
from fixtures.export import export, write_index
from tests.image.servers import RealRegistry, needs, real_dockerd, real_podman, real_registry, run
from tests.images import built, report

pytestmark = pytest.mark.full

NAME = "calico/node:bookworm"


def document(image: Image) -> dict[str, Any]:
    """The report without what the place that an image is kept in may change."""
    result = to_document(audit(image, load_spec(), Options(chosen_platform=True)))
    for key in ("reference", "source", "digest"):
        result["image"].pop(key)
    for layer in result["image"]["layers"]:
        for key in ("digest", "media_type", "size"):
            layer.pop(key)
    return result


@pytest.fixture(scope="module")
def expected() -> str:
    with load(f"docker-archive:{export(built(), 'docker-archive')}") as image:
        return json.dumps(document(image))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("registry")) as server:
        server.push(f"docker-archive:{export(built(), 'docker-archive')}", NAME)
        yield server


@pytest.mark.parametrize("form", ["docker-archive-gz", "oci-dir", "oci-archive"])
def test_files(form: str, expected: str) -> None:
    with load(f"{form.removesuffix('-gz')}:{export(built(), form)}") as image:
        assert json.dumps(document(image)) == expected


def test_registry(registry: RealRegistry, expected: str) -> None:
    with load(f"registry:{registry.host}/{NAME}", access=Access(registry.authfile, registry.ca)) as image:
        assert json.dumps(document(image)) == expected


def test_docker(expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with real_dockerd() as daemon:
        monkeypatch.setenv("DOCKER_HOST", daemon.address)
        archive = export(built(), "docker-archive")
        run("skopeo", "copy", "-q", "--dest-daemon-host", daemon.address, f"docker-archive:{archive}",
            f"docker-daemon:{NAME}")  # fmt: skip
        for reference in (f"docker:{NAME}", NAME):
            with load(reference) as image:
                assert image.source == "docker"
                assert json.dumps(document(image)) == expected


def test_podman(expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with real_podman() as daemon:
        run(*daemon.command, "load", "-i", export(built(), "docker-archive"))
        monkeypatch.setenv("CONTAINER_HOST", daemon.address)  # podman itself would take it for a remote machine
        with load(f"podman:{built().reference}") as image:
            assert image.source == "podman"
            assert json.dumps(document(image)) == expected


def test_directory(tmp_path: Path) -> None:
    """A bundle, as umoci makes it for a runtime: the tools, closures and findings are the same, without layers."""
    needs("umoci")
    layout = export(built(), "oci-dir")
    subprocess.run(
        ["umoci", "unpack", "--image", f"{layout}:{built().reference}", str(tmp_path / "bundle")],
        check=True,
        capture_output=True,
    )
    with load(f"dir:{tmp_path}/bundle") as image:
        found = audit(image, load_spec(), Options(chosen_platform=True))
    assert _without_layers(found) == _without_layers(report())


def _without_layers(result: Report) -> dict[str, Any]:
    parts = to_document(result)
    text = json.dumps({"tools": parts["tools"], "findings": parts["findings"], "requirements": parts["requirements"]})
    return dict(json.loads(re.sub(r'"layer": \d+', '"layer": null', text)))


def test_an_index_of_four_platforms_in_one_run(registry: RealRegistry, tmp_path: Path) -> None:
    images = [built("bookworm", architecture) for architecture in ARCHITECTURES]
    layout = tmp_path / "layout"
    write_index(images, layout)
    registry.push(f"oci:{layout}", "calico/node:four")
    seen: list[events.Event] = []
    access = Access(registry.authfile, registry.ca)
    with load_index(f"{registry.host}/calico/node:four", access=access, listener=seen.append) as index:
        result = audit_index(index, load_spec("calico-current"))
    assert result.verdict == "pass", [entry.message for entry in result.findings]
    assert [str(entry.image.platform) for entry in result.platforms] == [
        "linux/amd64", "linux/arm64/v8", "linux/ppc64le", "linux/s390x",
    ]  # fmt: skip
    read = sum(event.read for event in seen if isinstance(event, events.LayerFinished))
    unique = {layer.digest: layer.size or 0 for entry in result.platforms for layer in entry.image.layers}
    assert read < 1.3 * sum(unique.values())
    written = to_document(result)
    assert written["index"]["digest"] is not None
    jsonschema.validate(written, report_schema())


def test_platforms_of_different_bases_are_told_apart(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_index([built("bookworm", "amd64"), built("bullseye", "arm64")], layout)
    with load_index(f"oci-dir:{layout}") as index:
        result = audit_index(index, load_spec(), Options(require_platforms=("linux/s390x",)))
    rules = {(entry.rule, entry.subject) for entry in result.findings}
    assert ("platform-skew", "iptables") in rules
    assert ("platform-missing", "linux/s390x") in rules
    assert result.verdict == "fail"


def test_one_platform_of_an_index_still_misses_the_others(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_index([built("bookworm", "amd64"), built("bookworm", "arm64")], layout)
    spec = load_spec()
    with load(f"oci-dir:{layout}") as image:
        required = Options(require_platforms=("linux/arm64", "linux/s390x"))
        found = audit(image, spec, required)
        chosen = audit(image, spec, Options(require_platforms=("linux/s390x",), chosen_platform=True))
    assert [entry.subject for entry in found.findings if entry.rule == "platform-missing"] == ["linux/s390x"]
    assert [entry for entry in chosen.findings if entry.rule == "platform-missing"] == []
