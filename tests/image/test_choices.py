"""Which of several images is meant, what a manifest is, and what a layer's bytes must be: said of single values.

Whole archives, layouts and layers are read in `test_sources.py` and `test_layer.py`.
"""

import hashlib
import io
import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from auditor.budget import Budget, Limits
from auditor.errors import AuditError, CorruptImage, ImageNotFound, LimitExceeded, UnsupportedFormat, UsageError
from auditor.image import layer
from auditor.image.choose import choose, choose_platform
from auditor.image.document import Document
from auditor.image.layer import Expected, normal_path, text_size
from auditor.image.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    SCHEMA_1_TYPES,
    Descriptor,
    Manifests,
    _is_index,
    check,
    descriptor,
    is_attestation,
)
from auditor.image.model import Platform
from auditor.image.reference import Name, Reference
from auditor.image.scheme import Scheme
from auditor.image.source.interface import Candidate, Listing
from auditor.image.spool import Spool
from tests.image.build import encode, file, link, sha256, tar

ONE, TWO, THREE = (f"sha256:{number * 64}" for number in "123")
AMD64, ARM64, ARM7 = Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("linux", "arm", "v7")


def candidate(platform: Platform | None, digest: str | None = None) -> Candidate:
    return Candidate(platform, digest, lambda: None)  # type: ignore[arg-type, return-value]


def listing(*names: str, digest: str | None = None, below: str = "") -> Listing:
    return Listing(names, digest, lambda: (candidate(AMD64, below or digest),))


def reference(tag: str = "", digest: str = "") -> Reference:
    return Reference("oci-dir:x", Scheme.OCI_DIR, None, Path("x"), tag, digest)


NODE, CNI, BARE = listing("calico/node:v1", digest=ONE), listing("v2", digest=TWO), listing(digest=THREE)
BOTH = "calico/node:v1, v2"


@pytest.mark.parametrize(
    ("listings", "tag", "digest", "chosen"),
    [
        ((NODE,), "", "", NODE),
        ((NODE,), "v9", "", "has no image v9, but calico/node:v1"),
        ((NODE, CNI), "", "", f"holds several images: {BOTH}; name one: oci-dir:x:NAME"),
        ((BARE, listing(digest=ONE)), "", "", f"holds several images: {THREE}, {ONE}; name one: oci-dir:x@NAME"),
        ((BARE, listing()), "", "", f"holds several images: {THREE}, (unnamed); name one: oci-dir:x@NAME"),
        # By the name as it is, as Docker takes it, by the tag of a whole name.
        ((NODE, CNI), "calico/node:v1", "", NODE),
        ((NODE, CNI), "docker.io/calico/node:v1", "", NODE),
        ((NODE, CNI), "v1", "", NODE),
        ((NODE, CNI), "v2", "", CNI),
        ((NODE, CNI), "calico/cni:v1", "", f"has no image calico/cni:v1, but {BOTH}"),
        ((listing("v2"), NODE), "latest", "", "has no image latest, but v2, calico/node:v1"),
        ((listing("app", digest=ONE), CNI), "latest", "", "has no image latest, but app, v2"),
        ((listing("team/app", digest=ONE), CNI), "latest", "", ["team/app"]),
        ((listing("app:v7", digest=ONE), CNI), "v7", "", ["app:v7"]),
        ((listing("UPPER", digest=ONE), CNI), "UPPER", "", ["UPPER"]),
        # By digest: its own, or that of a manifest below it.
        ((NODE, CNI), "", TWO, CNI),
        ((listing("v1", digest=ONE, below=THREE), CNI), "", THREE, ["v1"]),
        ((NODE, CNI), "", THREE, f"has no image {THREE}, but {BOTH}"),
        ((NODE, CNI), "v1", TWO, f"has no image v1, but {BOTH}"),
        # One image of several names.
        ((listing("v1", digest=ONE), listing("v2", digest=ONE)), "", "", ["v1"]),
        ((listing("v1"),), "", "", ["v1"]),
        ((listing("v1"), listing("v2")), "", "", "holds several images: v1, v2; name one: oci-dir:x:NAME"),
    ],
)
def test_which_image_is_meant(
    listings: tuple[Listing, ...], tag: str, digest: str, chosen: Listing | list[str] | str
) -> None:
    try:
        found = choose(listings, reference(tag, digest))
    except (ImageNotFound, UsageError) as error:
        assert isinstance(chosen, str)
        assert chosen in str(error)
    else:
        assert found is chosen or [*found.names] == chosen


def test_a_daemon_or_a_registry_has_looked_already() -> None:
    asked = Reference("calico/node", Scheme.NAME, Name("docker.io", "calico/node"))
    assert choose((NODE, CNI), asked) is NODE


@pytest.mark.parametrize(
    ("offered", "platform", "digest", "chosen"),
    [
        ((AMD64,), None, "", 0),
        ((None,), ARM64, "", 0),  # only its config will say
        ((AMD64,), ARM64, "", "has no image for linux/arm64, but for linux/amd64"),
        ((AMD64, ARM64), ARM64, "", 1),
        ((AMD64, ARM64), ARM7, "", "has no image for linux/arm/v7, but for linux/amd64, linux/arm64"),
        ((AMD64, None), ARM64, "", "has no image for linux/arm64, but for linux/amd64, unknown"),
        ((AMD64, ARM64), None, ONE, 1),
        ((AMD64, ARM64), AMD64, ONE, "has no image for linux/amd64, but for linux/arm64"),
        ((AMD64, ARM64), ARM64, THREE, 1),  # of the index itself
        # The nearest below what is wanted, the first of those.
        ((Platform("linux", "arm", "v5"), Platform("linux", "arm", "v6")), ARM7, "", 1),
        ((Platform("linux", "arm", "v6"), Platform("linux", "arm", "v6")), ARM7, "", 0),
        ((Platform("linux", "arm", "v8"), Platform("linux", "arm", "v6")), ARM7, "", 1),
    ],
)
def test_which_platform_is_meant(
    offered: tuple[Platform | None, ...],
    platform: Platform | None,
    digest: str,
    chosen: int | str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("auditor.image.choose.host_platform", lambda: AMD64)
    candidates = tuple(candidate(one, f"sha256:{number * 64}") for one, number in zip(offered, "012", strict=False))
    with nullcontext() if isinstance(chosen, int) else pytest.raises(ImageNotFound, match=chosen):
        assert choose_platform(candidates, platform, reference(digest=digest)) is candidates[int(chosen)]


def test_without_a_platform_this_machine_s_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.image.choose.host_platform", lambda: ARM64)
    candidates = (candidate(AMD64), candidate(ARM64))
    assert choose_platform(candidates, None, reference()) is candidates[1]


# Manifests


def document(**values: object) -> Document:
    return Document(values, "here")


@pytest.mark.parametrize(
    ("values", "platform"),
    [
        ({}, None),
        ({"platform": {"os": "linux"}}, None),
        ({"platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}, ARM7),
    ],
)
def test_the_platform_of_a_descriptor(values: dict[str, object], platform: Platform | None) -> None:
    assert descriptor(document(digest=ONE, **values)).platform == platform


@pytest.mark.parametrize(
    ("platform", "annotations", "attests"),
    [
        (None, (), False),
        (AMD64, (), False),
        (Platform("unknown", "unknown"), (), True),
        (Platform("linux", "unknown"), (), False),
        (Platform("unknown", "amd64"), (), False),
        (AMD64, (("vnd.docker.reference.type", "attestation-manifest"),), True),
        (None, (("other", "x"),), False),
    ],
)
def test_what_is_no_image_but_says_something_of_one(
    platform: Platform | None, annotations: tuple[tuple[str, str], ...], attests: bool
) -> None:
    assert is_attestation(Descriptor("", ONE, 1, platform, annotations)) is attests


@pytest.mark.parametrize(
    ("digest", "size", "fault"),
    [
        (sha256(b"data"), 4, ""),
        (sha256(b"data"), None, ""),
        (sha256(b"data"), 3, "has 4 bytes, its descriptor says 3"),
        (sha256(b"dato"), 4, f"has the digest {sha256(b'data')}"),
        (f"sha512:{hashlib.sha512(b'data').hexdigest()}", 4, ""),
    ],
)
def test_bytes_are_what_their_descriptor_says(digest: str, size: int | None, fault: str) -> None:
    with pytest.raises(CorruptImage, match=fault) if fault else nullcontext():
        check(b"data", Descriptor("", digest, size), "here")


INDEX, MANIFEST = INDEX_TYPES[0], MANIFEST_TYPES[0]


@pytest.mark.parametrize(
    ("values", "is_index"),
    [
        ({"manifests": []}, True),
        ({"manifests": [], "mediaType": INDEX}, True),
        ({"mediaType": INDEX}, True),
        ({"layers": []}, False),
        ({"config": {}}, False),
        ({"config": {}, "mediaType": MANIFEST}, False),
        ({}, False),
        ({"manifests": None, "layers": []}, False),
        ({"manifests": [], "layers": []}, "is an index and a manifest at once"),
        ({"manifests": [], "config": {}}, "is an index and a manifest at once"),
        ({"manifests": [], "mediaType": MANIFEST}, "is of another kind than its media type says"),
        ({"layers": [], "mediaType": INDEX}, "is of another kind than its media type says"),
        ({"config": {}, "mediaType": INDEX}, "is of another kind than its media type says"),
    ],
)
def test_what_is_an_index(values: dict[str, object], is_index: bool | str) -> None:
    with pytest.raises(CorruptImage, match=is_index) if isinstance(is_index, str) else nullcontext():
        assert _is_index(document(**values)) is is_index


class Store:
    """Blobs by digest."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.read: list[str] = []

    def put(self, value: object, media_type: str = "", /, **more: object) -> dict[str, object]:
        data = encode(value)
        self.blobs[sha256(data)] = data
        return {"digest": sha256(data), "size": len(data), "mediaType": media_type, **more}

    def has_blob(self, digest: str) -> bool:
        return digest in self.blobs

    def read_manifest(self, item: Descriptor, limit: int) -> bytes:  # noqa: ARG002
        self.read.append(item.digest)
        return self.blobs[item.digest]

    read_blob = read_manifest

    def open_blob(self, item: Descriptor) -> io.BytesIO:
        return io.BytesIO(self.blobs[item.digest])

    def manifests(self, **limits: int) -> Manifests:
        return Manifests(self, Limits(**limits), "here")


def root(entry: dict[str, object]) -> Descriptor:
    return descriptor(Document(entry, "here"))


def shown(platform: Platform) -> dict[str, object]:
    return {"platform": {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}}


def test_images_of_nested_indexes_in_their_order() -> None:
    store = Store()
    first = store.put({"layers": [1]}, MANIFEST, **shown(AMD64))
    second = store.put({"layers": [2]}, **shown(ARM64))
    gone = {"digest": ONE, "size": 1, "mediaType": MANIFEST, **shown(ARM7)}
    also_gone = {"digest": TWO, "size": 1, "mediaType": MANIFEST, **shown(AMD64)}
    inner = store.put({"manifests": [second, gone, also_gone, first]}, INDEX)
    outer = root(store.put({"manifests": [first, inner, first]}, INDEX))
    found = store.manifests().candidates((outer,))
    assert [(one.platform, one.digest) for one in found] == [(AMD64, first["digest"]), (ARM64, second["digest"])]
    assert store.read == [outer.digest, inner["digest"], second["digest"]]  # others say what they are
    assert store.manifests().absent((outer,)) == (ARM7,)


@pytest.mark.parametrize(("depth", "found"), [(3, True), (4, False)])
def test_how_deep_indexes_may_be_nested(depth: int, found: bool) -> None:
    store = Store()
    entry = store.put({"layers": []}, MANIFEST, **shown(AMD64))
    for _ in range(depth):
        entry = store.put({"manifests": [entry]}, INDEX)
    with nullcontext() if found else pytest.raises(LimitExceeded, match="nested more than 3 deep"):
        assert len(store.manifests(index_depth=3).candidates((root(entry),))) == 1


@pytest.mark.parametrize(("limit", "found"), [(3, True), (2, False)])
def test_how_many_entries_indexes_may_have(limit: int, found: bool) -> None:
    store = Store()
    entries = [store.put({"layers": [one]}, MANIFEST, **shown(platform)) for one, platform in ((1, AMD64), (2, ARM64))]
    index = root(store.put({"manifests": entries}, INDEX))
    with nullcontext() if found else pytest.raises(LimitExceeded, match="more than 2 entries"):
        assert len(store.manifests(index_entries=limit).candidates((index,))) == 2


def test_what_an_index_names_and_the_store_has_not() -> None:
    store = Store()
    gone = {"digest": ONE, "size": 1, "mediaType": MANIFEST}
    with pytest.raises(CorruptImage, match=rf"none of its images is there \({ONE}\)"):
        store.manifests().candidates((root(store.put({"manifests": [gone]}, INDEX)),))
    with pytest.raises(CorruptImage, match="lists no image"):
        store.manifests().candidates((root(store.put({"manifests": []}, INDEX)),))
    with pytest.raises(KeyError):  # a single root is asked for, whether it is there or not
        store.manifests().candidates((root(gone),))
    there = root(store.put({"layers": []}, MANIFEST))
    assert len(store.manifests().candidates((root(gone), there))) == 1


CONFIG = "application/vnd.oci.image.config.v1+json"


@pytest.mark.parametrize(
    ("media_type", "values", "own_type", "config_type", "told"),
    [
        (MANIFEST, {}, MANIFEST, CONFIG, ""),
        ("", {}, "", "", ""),
        (MANIFEST, {"schemaVersion": 2}, "", CONFIG, ""),
        (MANIFEST, {"schemaVersion": 1}, "", CONFIG, "is a manifest of schema 1"),
        ("", {}, "application/x", CONFIG, "unknown media type 'application/x'"),
        ("application/x", {}, "", CONFIG, "unknown media type 'application/x'"),
        ("application/x", {}, MANIFEST, CONFIG, ""),
        (MANIFEST, {}, MANIFEST, "application/x", "is no container image but 'application/x'"),
        (MANIFEST, {"layers": None}, MANIFEST, CONFIG, "has no config or no layers"),
        (MANIFEST, {"config": None}, MANIFEST, CONFIG, "has no config or no layers"),
    ],
)
def test_what_a_manifest_must_be(
    media_type: str, values: dict[str, object], own_type: str, config_type: str, told: str
) -> None:
    store = Store()
    config = store.put({"os": "linux"}, config_type)
    whole = {"mediaType": own_type, "config": config, "layers": [{"digest": ONE, "size": 7}], **values}
    (found,) = store.manifests().candidates((root(store.put(whole, media_type, **shown(AMD64))),))
    with pytest.raises(AuditError, match=told) if told else nullcontext():
        image = found.read()
        assert json.loads(image.config) == {"os": "linux"}
        assert [(one.digest, one.size) for one in image.layers] == [(ONE, 7)]


@pytest.mark.parametrize("media_type", SCHEMA_1_TYPES)
def test_manifests_of_the_first_kind_are_named(media_type: str) -> None:
    with pytest.raises(UnsupportedFormat, match="schema 1"):
        Store().manifests().candidates((Descriptor(media_type, ONE, 1),))


# Layers


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("", "/"),
        ("a", "/a"),
        ("a/b", "/a/b"),
        ("/a", "/a"),
        ("./a", "/a"),
        ("a/", "/a"),
        ("a//b", "/a/b"),
        ("a/./b", "/a/b"),
        ("a/../b", "/b"),
        ("../a", "/a"),
        ("a/../../b", "/b"),
        (".a", "/.a"),
        ("a/.b", "/a/.b"),
        ("a/..b", "/a/..b"),
        (".", "/"),
        ("..", "/"),
    ],
)
def test_paths_of_a_layer(name: str, path: str) -> None:
    assert normal_path(name) == path


@pytest.mark.parametrize(("text", "size"), [("", 0), ("abc", 3), ("abç", 12)])
def test_the_memory_of_a_name(text: str, size: int) -> None:
    assert text_size(text) == size


@pytest.mark.parametrize(
    ("digest", "diff_id", "algorithm"),
    [
        (None, None, "sha256"),
        ("sha512:1", None, "sha512"),
        (None, "sha512:1", "sha512"),
        ("sha256:1", "sha512:1", "sha256"),
    ],
)
def test_the_hash_that_stored_bytes_are_held_to(digest: str | None, diff_id: str | None, algorithm: str) -> None:
    assert Expected("here", digest, None, diff_id).algorithm == algorithm


def contents(data: bytes, **expected: object) -> layer.LayerContents:
    claims = {"digest": None, "size": None, "diff_id": None, **expected}
    budget = Budget(Limits(path=20))
    return layer.read_layer(
        io.BytesIO(data),
        Expected("here", **claims),  # type: ignore[arg-type]
        keep=lambda path, *_: path != "/unkept",
        spool=Spool(budget.kept),
        budget=budget,
    )


LAYER = tar([file("kept", "text"), file("unkept", "text"), file("empty"), link("link", "kept")])


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({}, ""),
        ({"size": len(LAYER)}, ""),
        ({"size": len(LAYER) - 1}, f"is longer than the {len(LAYER) - 1} bytes that the manifest says"),
        ({"size": len(LAYER) + 1}, f"has {len(LAYER)} bytes, the manifest says {len(LAYER) + 1}"),
        ({"digest": sha256(LAYER)}, ""),
        ({"digest": ONE}, f"has the digest {sha256(LAYER)}, the manifest says {ONE}"),
        ({"diff_id": sha256(LAYER)}, ""),
        ({"diff_id": ONE}, f"uncompressed bytes are {sha256(LAYER)}, the image config says {ONE}"),
        ({"diff_id": f"sha512:{hashlib.sha512(LAYER).hexdigest()}", "digest": sha256(LAYER)}, ""),
        ({"diff_id": f"sha512:{'0' * 128}", "digest": sha256(LAYER)}, "uncompressed bytes are sha512:"),
    ],
)
def test_a_layer_is_what_is_said_of_it(expected: dict[str, object], told: str) -> None:
    with pytest.raises(CorruptImage, match=told) if told else nullcontext():
        found = contents(LAYER, **expected)
        assert (found.size, found.uncompressed, found.digest) == (len(LAYER), len(LAYER), sha256(LAYER))
        kept = {entry.path: entry.content and entry.content.read() for entry in found.entries}
        assert kept == {"/kept": b"text", "/unkept": None, "/empty": b"", "/link": None}
        assert (found.kept, found.names) == (4, len("/kept/unkept/empty/linkkept"))
        assert [entry.size for entry in found.entries] == [4, 4, 0, 4]


@pytest.mark.parametrize(
    ("name", "target", "taken"),
    [
        ("a" * 19, "x", True),
        ("a" * 20, "x", False),
        ("a", "x" * 20, True),
        ("a", "x" * 21, False),
    ],
)
def test_how_long_a_path_may_be(name: str, target: str, taken: bool) -> None:
    with nullcontext() if taken else pytest.raises(LimitExceeded, match="a path of more than 20 characters"):
        contents(tar([link(name, target)]))


@pytest.mark.parametrize(
    ("media_type", "told"),
    [
        ("", ""),
        ("application/vnd.oci.image.layer.v1.tar", ""),
        ("application/vnd.oci.image.layer.v1.tar+gzip; x=y", ""),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", ""),
        ("application/vnd.oci.image.layer.v1.tar+encrypted", "an encrypted layer"),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "a foreign layer"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", "a foreign layer"),
        ("application/x; application/vnd.oci.image.layer.v1.tar", "unknown media type 'application/x'"),
    ],
)
def test_what_kinds_of_layers_are_read(media_type: str, told: str) -> None:
    with pytest.raises(UnsupportedFormat, match=told) if told else nullcontext():
        layer.check_media_type(Expected("here", None, None, None, media_type))


def test_a_stream_is_read_as_it_comes() -> None:
    told: list[int] = []
    source = layer._Stored(io.BytesIO(b"abcdef"), Expected("here", None, None, None), told.append)
    assert source.peek(3) == b"abc"
    assert source.peek(9) == b"abcdef"
    assert b"".join(source.pieces()) == b"abcdef"
    assert (told, source.position) == ([6], 6)
