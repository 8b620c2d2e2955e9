"""Real kernels with real images: the incident is replayed, and what fits each other passes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auditor.auditing.kernel import audit_kernels
from auditor.cli.main import run
from auditor.kernel.read import read_kernels
from auditor.kernel.source.open import open_source
from auditor.report.audit.document import to_document
from auditor.report.register import Style, write
from auditor.report.schema import dump
from auditor.rules import Options
from auditor.rules.kernel.bridge import feature_needs
from auditor.spec import load_spec
from tests.images import report
from tests.kernel.debian import kernel_packages, unpacked
from tests.kernel_command.changed import changed

SUITES = ("bullseye", "bookworm", "trixie", "sid")
RISEN = ["hash:ip", "hash:ip,port", "hash:net,net"]  # revisions that 6.3 and ipset 7.17 brought


def saved(folder: Path, suite: str, architecture: str = "amd64") -> str:
    path = folder / f"{suite}.json"
    path.write_text(dump(to_document(report(suite, architecture))))
    return f"report:{path}"


def findings(document: dict[str, Any], *severities: str) -> list[tuple[str, str]]:
    found = document["findings"]
    return sorted((entry["rule"], entry["subject"]) for entry in found if entry["severity"] in severities)


def judged(folder: Path, packages: Sequence[Path], image: str, *options: str) -> tuple[int, dict[str, Any]]:
    output = folder / "kernel.json"
    code = run(["kernel", *map(str, packages), "--image", image, "-o", f"json={output}", *options])
    return code, json.loads(output.read_text())


def test_an_image_with_its_own_suites_kernel(tmp_path: Path) -> None:
    packages = kernel_packages("bookworm", "amd64", "cloud")
    code, document = judged(tmp_path, packages, saved(tmp_path, "bookworm"), "--fail-on", "warning")
    assert code == 0
    assert findings(document, "error", "warning") == []
    assert document["pairs"][0]["unknown"] == []


def test_an_unpacked_kernel_meets_what_the_image_of_its_suite_needs() -> None:
    """As its package does; the page of it can be written."""
    images, spec = [report("bookworm")], load_spec()
    needs = feature_needs(spec)
    with unpacked(kernel_packages("bookworm", "amd64", "cloud")) as kernel:
        kernel.depmod()
        kernels = read_kernels([open_source(kernel.tree), open_source(kernel.config)], needs)
        found = audit_kernels(kernels, images, spec, Options())
    assert write(found, "html", Style())
    assert found.verdict == "pass"


@pytest.mark.full
@pytest.mark.parametrize("kernel", SUITES)
@pytest.mark.parametrize("image", SUITES)
def test_every_image_with_every_kernel(tmp_path: Path, image: str, kernel: str) -> None:
    packages = kernel_packages(kernel, "amd64", "cloud")
    code, document = judged(tmp_path, packages, saved(tmp_path, image), "--fail-on", "warning")
    newer = image == "bullseye" and kernel in ("trixie", "sid")
    expected = [("ipset-revision-unsupported", name) for name in RISEN] if newer else []
    assert findings(document, "error", "warning") == expected
    assert code == (1 if newer else 0)
    messages = [entry["message"] for entry in document["findings"] if entry["subject"] == "hash:ip"]
    words = "settype hash:ip with revision 6 not supported by userspace"
    assert [words in message for message in messages] == [True] * newer
    assert all(pair["unknown"] == [] for pair in document["pairs"])
    assert {row["kernels"][0]["status"] for row in document["requirements"]} == {"met", "not-applicable"}


@pytest.mark.full
@pytest.mark.parametrize("architecture", ["arm64", "ppc64el", "s390x"])
def test_other_architectures(tmp_path: Path, architecture: str) -> None:
    packages = kernel_packages("bookworm", architecture, "generic")
    image = saved(tmp_path, "bookworm", architecture)
    code, document = judged(tmp_path, packages, image, "--fail-on", "warning")
    assert (code, findings(document, "error", "warning")) == (0, [])
    assert run(["kernel", *map(str, packages), "--image", saved(tmp_path, "bookworm")]) == 2  # amd64


@pytest.mark.full
@pytest.mark.parametrize(
    ("suite", "closed", "severity", "words"),
    [
        ("trixie", False, "note", "leaves decompression to the kernel"),
        ("trixie", True, "error", "liblzma.so.5 is not found"),
        ("bookworm", False, "error", "it does not start: error while loading shared libraries: liblzma.so.5"),
    ],
)
def test_an_image_without_liblzma(tmp_path: Path, suite: str, closed: bool, severity: str, words: str) -> None:
    """The kernel's modules are .ko.xz, and it decompresses them itself unless that is `closed`."""
    packages = kernel_packages("trixie", "amd64", "cloud")
    with changed(suite, "pair", "liblzma.so") as root, unpacked(packages) as kernel:
        config = tmp_path / kernel.config.name
        config.write_text(kernel.config.read_text().replace("CONFIG_MODULE_DECOMPRESS=y\n" if closed else "\0", ""))
        code, document = judged(tmp_path, [kernel.tree, config], f"dir:{root}")
    assert code == (1 if severity == "error" else 0)
    (finding,) = (entry for entry in document["findings"] if entry["rule"] == "module-compression-unsupported")
    assert (finding["severity"], finding["subject"]) == (severity, "/usr/bin/kmod")
    assert words in finding["message"]
    assert "feature.xt_set" in finding["affects"]


@pytest.mark.full
def test_a_kernel_that_names_another_modprobe(tmp_path: Path) -> None:
    with unpacked(kernel_packages("bookworm", "amd64", "cloud")) as kernel:
        config = tmp_path / kernel.config.name
        text = kernel.config.read_text()
        config.write_text(
            text.replace('CONFIG_MODPROBE_PATH="/sbin/modprobe"', 'CONFIG_MODPROBE_PATH="/usr/bin/modprobe"')
        )
        code, document = judged(tmp_path, [kernel.tree, config], saved(tmp_path, "bookworm"), "--fail-on", "warning")
    assert code == 1
    assert findings(document, "error", "warning") == [("modprobe-unreachable", "/usr/bin/modprobe")]
