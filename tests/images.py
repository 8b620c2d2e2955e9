"""Real images for tests: built from Debian packages once, read without another copy of their layers."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import pytest

from auditor.auditing.facts import Looked
from auditor.auditing.image import audit_facts
from auditor.auditing.load import load
from auditor.auditing.terms import Terms
from auditor.image import SharedLayers
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.build import build_image, recipe_named
from fixtures.image import PLATFORMS, BuiltImage
from fixtures.workspace import Unavailable, locked, published

# bookworm on amd64 is for every run of the tests, the rest is for the full one.
EVERY_IMAGE = [
    pytest.param(
        suite,
        architecture,
        marks=() if (suite, architecture) == ("bookworm", "amd64") else pytest.mark.full,
        id=f"{suite}-{architecture}",
    )
    for suite in SUITES
    for architecture in ARCHITECTURES
]

# As in a sweep: what one image was read for is known to the next on the same base, with the same report.
_SHARED = SharedLayers()

LOADING = ("library-missing", "symbol-missing", "symbol-version-missing", "elf-malformed", "interpreter-missing")


def is_for_loaders(recipe: str) -> bool:
    """Whether a recipe is about what loaders do: those whose faults they tell, and those that must stay sound.

    The rest (tools, extensions, entrypoints, packages) leaves every program that is there with what it loads.
    """
    expected = recipe_named(recipe).expected
    return not expected or any(entry.rule in LOADING for entry in expected)


def built(suite: str = "bookworm", architecture: str = "amd64", recipe: str = "base") -> BuiltImage:
    """A fixture; the test is skipped, with the reason, where this machine can't build it."""
    try:
        return build_image(suite, architecture, recipe)
    except Unavailable as error:
        pytest.skip(str(error))


def layout(image: BuiltImage) -> Path:
    """The image as an OCI layout whose blobs are its own layer files, by hard links."""
    folder = image.folder / "plain-layout"
    with locked(folder):
        if not folder.exists():
            with published(folder) as scratch:
                _write_layout(image, scratch)
    return folder


def _write_layout(image: BuiltImage, folder: Path) -> None:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = []
    for layer in image.layers:
        blob = blobs / layer.diff_id.removeprefix("sha256:")
        if not blob.exists():
            blob.hardlink_to(layer.tar)
        layers.append(
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.diff_id, "size": layer.size}
        )

    def write(content: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        media_type = f"application/vnd.oci.image.{kind}.v1+json"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    manifest = {"schemaVersion": 2, "config": write(image.config(), "config"), "layers": layers}
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
    architecture, variant = PLATFORMS.get(image.run.architecture, (image.run.architecture, ""))
    entry = write(json.dumps(manifest).encode(), "manifest")
    platform = {"os": "linux", "architecture": architecture} | ({"variant": variant} if variant else {})
    entry |= {"platform": platform, "annotations": {"org.opencontainers.image.ref.name": image.reference}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def report(
    suite: str = "bookworm", architecture: str = "amd64", recipe: str = "base", spec: str = "calico-system-requirements"
) -> Report:
    """The audit of a fixture, made once for the tests that follow each other."""
    return reports(suite, architecture, recipe, (spec,))[spec]


def reports(suite: str, architecture: str, recipe: str, specs: tuple[str, ...]) -> dict[str, Report]:
    """The same for several specs, read once."""
    known = _known(suite, architecture, recipe)
    missing = [spec for spec in specs if spec not in known]
    if missing:
        image = built(suite, architecture, recipe)
        with load(f"oci-dir:{layout(image)}", shared=_SHARED) as read:
            facts, options = Looked(read), Options(chosen_platform=True)
            known |= {name: audit_facts(facts, Terms(load_spec(name), options)) for name in missing}
    return known


@lru_cache(maxsize=8)  # of the images that much is compared with; a report of each would take hundreds of megabytes
def _known(_suite: str, _architecture: str, _recipe: str) -> dict[str, Report]:
    """The reports that were made of a fixture so far."""
    return {}
