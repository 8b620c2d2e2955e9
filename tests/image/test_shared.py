"""Layers that several images of one process share are read once, and nothing else is different."""

import gc
import gzip
from pathlib import Path

import pytest

from auditor import events
from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.budget import Budget
from auditor.errors import AuditError
from auditor.image import Image, Limits, SharedLayers
from auditor.image.layer import Expected
from auditor.report.model import Report
from auditor.spec import load_spec
from fixtures.export import export
from tests.image.build import LAYER, Json, Layout, Member, config, docker_archive, encode, file, program, tar, whiteout
from tests.image.misbehaving import Server
from tests.image.pulls import quick, registry
from tests.images import built

__all__ = ["quick", "registry"]  # fixtures

BASE = tar([program("bin/tool", b"\x7fELF" + bytes(5000)), file("etc/gone", "x", 0o755)])
TOPS = [tar([whiteout("etc/gone"), file("etc/os-release", f"ID=debian\nVERSION_ID={number}\n")]) for number in (1, 2)]


def archive(path: Path, *layers: bytes, settings: Json | None = None) -> str:
    path.write_bytes(docker_archive(layers, settings=settings or config([plain(layer) for layer in layers])))
    return f"docker-archive:{path}"


def plain(layer: bytes) -> bytes:
    return gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer


def seen(image: Image) -> list[object]:
    """All that there is to know of an image."""
    nodes = [
        (path, node.kind, node.mode, node.size, node.inode, node.layer, node.content and node.content.read())
        for path, node in image.tree.walk()
    ]
    return [image.layers, image.hashed, nodes]


def looked(reference: str, shared: SharedLayers | None, limits: Limits | None = None) -> object:
    """The same, or what is wrong with it."""
    try:
        with load(reference, shared=shared, limits=limits or Limits()) as image:
            return seen(image)
    except AuditError as error:
        return str(error)


def sources_read(reference: str, shared: SharedLayers) -> set[int]:
    """The layers whose entries were listed anew: each of them is kept by itself."""
    before = {id(entry.contents) for entry in shared._known.values()}
    looked(reference, shared)
    return {id(entry.contents) for entry in shared._known.values()} - before


def test_a_second_tag_reads_what_is_new(tmp_path: Path) -> None:
    first, second = (archive(tmp_path / f"{number}.tar", BASE, top) for number, top in enumerate(TOPS))
    shared = SharedLayers()
    assert looked(first, shared) == looked(first, None)
    assert len(sources_read(second, shared)) == 1
    assert looked(second, shared) == looked(second, None)
    assert not sources_read(first, shared)


def longer(layer: bytes) -> bytes:
    return layer + bytes(512)


def altered(layer: bytes) -> bytes:
    return layer.replace(b"\x7fELF", b"\x7fELG", 1)


@pytest.mark.parametrize(
    "other", [longer, altered, lambda layer: layer[:3000], lambda layer: gzip.compress(layer, mtime=0)]
)
def test_a_claim_is_no_proof(other: object, tmp_path: Path) -> None:
    """The config says that the layer is the one that is known; its bytes are others."""
    assert callable(other)
    shared = SharedLayers()
    looked(archive(tmp_path / "known.tar", BASE, TOPS[0]), shared)
    claimed = archive(tmp_path / "claimed.tar", other(BASE), TOPS[0], settings=config([BASE, TOPS[0]]))
    assert looked(claimed, shared) == looked(claimed, None)


@pytest.mark.parametrize("media_type", [LAYER, f"{LAYER}+encrypted", "application/x-tar"])
def test_a_media_type_is_judged_all_the_same(media_type: str, tmp_path: Path) -> None:
    layout = Layout()
    layout.add(layout.manifest_of([BASE, TOPS[1]], media_type, config([BASE, TOPS[1]])), "it")
    shared = SharedLayers()
    looked(archive(tmp_path / "known.tar", BASE, TOPS[0]), shared)
    reference = f"oci-dir:{layout.write(tmp_path / 'layout')}"
    assert looked(reference, shared) == looked(reference, None)


@pytest.mark.parametrize(
    "limit", [{"entries": 4}, {"names": 10}, {"kept": 5000}, {"uncompressed": 9000}, {"path": 8}, {"path": 4000}]
)
def test_limits_are_drawn_from_as_if_it_was_read(limit: dict[str, int], tmp_path: Path) -> None:
    shared = SharedLayers()
    reference = archive(tmp_path / "it.tar", BASE)  # of several, it is a race which passes a limit
    looked(reference, shared)
    limits = Limits(**limit)
    alone = looked(reference, None, limits)
    assert looked(reference, shared, limits) == alone
    assert isinstance(alone, str) == (limit != {"path": 4000})


@pytest.mark.parametrize(
    ("bound", "most"), [({"layers": 1}, 1), ({"layers": 0}, 0), ({"entries": 3}, 1), ({"kept": 100}, 2)]
)
def test_what_is_kept_is_bounded(bound: dict[str, int], most: int, tmp_path: Path) -> None:
    shared = SharedLayers(None, **bound)
    first, second = (archive(tmp_path / f"{number}.tar", BASE, top) for number, top in enumerate(TOPS))
    with load(first, shared=shared) as image:
        alone = seen(image)
        looked(second, shared)
        assert seen(image) == alone  # its contents stay as long as it
    assert len(shared._known) <= most
    assert looked(first, shared) == looked(first, None)


OPEN = Path("/proc/self/fd")


@pytest.mark.skipif(not OPEN.exists(), reason="open files are counted as Linux shows them")
def test_files_do_not_stay_open_with_the_images_that_are_gone(tmp_path: Path) -> None:
    """As the command runs: hardly any garbage is collected, and what an image leaves are cycles."""
    shared = SharedLayers(layers=4)
    gc.collect()
    gc.disable()
    try:
        before = len(list(OPEN.iterdir()))
        for number in range(20):
            looked(archive(tmp_path / "it.tar", BASE, tar([file("etc/number", str(number))])), shared)
            assert len(list(OPEN.iterdir())) - before <= 2 * 4 + 2
    finally:
        gc.enable()


def test_another_policy_keeps_other_contents(tmp_path: Path) -> None:
    members: list[Member] = [file("etc/plain", "text")]
    reference = archive(tmp_path / "it.tar", tar(members))
    shared = SharedLayers()
    looked(reference, shared)
    with load(reference, keep=lambda *_: True, shared=shared) as image:
        node = image.tree.find("/etc/plain").node
        assert node is not None
        assert node.content is not None


@pytest.mark.usefixtures("quick")
def test_a_registry_is_not_asked_for_a_known_layer(registry: Server) -> None:
    shared, told = SharedLayers(), list[events.Event]()
    reference = f"registry:{registry.host}/team/app:v1"
    first = looked(reference, shared)
    asked = registry.count("blobs")
    with load(reference, shared=shared, listener=told.append) as image:
        assert seen(image) == first
    assert registry.count("blobs") == asked + 1  # the config
    assert [event.reused for event in told if isinstance(event, events.LayerFinished)] == [True, True]


def test_a_real_image_is_judged_alike() -> None:
    """What is known of its files is taken too, and draws from the limits."""
    reference = f"docker-archive:{export(built(), 'docker-archive')}"
    shared, spec = SharedLayers(), load_spec("calico-system-requirements")
    drawn: list[list[int]] = []

    def report(shared: SharedLayers | None) -> Report:
        with load(reference, spec=spec, shared=shared) as image:
            found = audit(image, spec)
            drawn.append([getattr(image.budget, name).used for name in ("tables", "symbols", "relocations", "needed")])
            return found

    reports = [report(shared), report(shared), report(None)]
    assert encode(repr(reports[0])) == encode(repr(reports[1])) == encode(repr(reports[2]))
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("allowance", ["uncompressed", "entries", "names", "kept"])
def test_a_layer_is_taken_where_the_limits_just_allow_for_it(tmp_path: Path, allowance: str) -> None:
    shared = SharedLayers()
    looked(archive(tmp_path / "image.tar", BASE), shared)
    (known,) = shared._known.values()
    needed = {
        "uncompressed": known.contents.uncompressed,
        "entries": len(known.contents.entries),
        "names": known.contents.names,
        "kept": known.contents.kept,
    }[allowance]
    assert needed > 0
    for lacking in (0, 1):
        budget = Budget()
        given = getattr(budget, allowance)
        given.take(given.left - needed + lacking, "what came before")
        assert shared.take(known.contents, Expected("layer", None, None, None), budget) is not bool(lacking)
