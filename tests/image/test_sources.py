"""Images from files: each source gives the same image, and says clearly what it can't give."""

import copy
import gzip
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from auditor import events
from auditor.auditing.load import load, load_index
from auditor.budget import Budget
from auditor.errors import (
    AuditError,
    CorruptImage,
    ImageNotFound,
    LimitExceeded,
    SourceUnavailable,
    UnsupportedFormat,
    UsageError,
)
from auditor.filetree import FileKind, read_file
from auditor.image import Image, Limits, parse_platform
from auditor.image.platforms import host_platform
from auditor.image.source.archive import open_archive
from tests.image.build import (
    INDEX,
    LAYER,
    MANIFEST,
    Json,
    Layout,
    config,
    docker_archive,
    encode,
    file,
    folder,
    hard,
    link,
    program,
    sha256,
    tar,
    whiteout,
)
from tests.image.test_umoci import everything, in_tree, on_disk

SHARED = Path(__file__).parents[3] / "shared" / "images"
LAYERS = [
    tar([folder("bin"), program("bin/tool", "\x7fELF one"), file("etc/conf", "old"), file("gone", "x", 0o755)]),
    tar([file("etc/conf", "new"), whiteout("gone"), hard("bin/other", "bin/tool"), link("sbin", "bin")]),
]


def summary(image: Image) -> object:
    """What must not depend on where the image came from."""
    return (
        image.config,
        [(layer.diff_id, layer.created_by) for layer in image.layers],
        [
            (path, node.kind, node.mode, node.layer, node.target, node.content and node.content.read())
            for path, node in image.tree.walk()
        ],
        [(gone.path, gone.layer) for gone in image.tree.removals("gone")],
    )


def _layout() -> Layout:
    layout = Layout()
    layout.add(layout.manifest(LAYERS), "v1")
    return layout


def _zstd_layout() -> Layout:
    layout = Layout()
    stored = [zstandard.ZstdCompressor().compress(layer) for layer in LAYERS]
    layout.add(layout.manifest_of(stored, f"{LAYER}+zstd", config(LAYERS)), "v1")
    return layout


def _old_links(path: Path) -> None:
    """As Docker wrote it when two layers had the same bytes: the later is a link."""
    layers = [LAYERS[0], LAYERS[1], LAYERS[1]]
    raw = encode(config(layers))
    name = sha256(raw).removeprefix("sha256:") + ".json"
    members = [
        file("a/layer.tar", layers[0]), file("b/layer.tar", layers[1]), link("c/layer.tar", "../b/layer.tar"),
        file(name, raw),
        file("manifest.json", encode([{"Config": name, "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"]}])),
    ]  # fmt: skip
    path.write_bytes(tar(members))


def _docker_25(path: Path, *, indexed: bool) -> None:
    """As Docker 25 and newer write it: an OCI layout with a manifest.json beside it."""
    layout = Layout()
    entry = layout.manifest(LAYERS, compress=False)
    if indexed:
        entry["annotations"] = {
            "io.containerd.image.name": "docker.io/library/test:1", "org.opencontainers.image.ref.name": "1",
        }  # fmt: skip
        layout.entries.append(entry)
    blobs = [f"blobs/{sha256(layer).replace(':', '/')}" for layer in LAYERS]
    configured = f"blobs/{sha256(encode(config(LAYERS))).replace(':', '/')}"
    layout.files["manifest.json"] = encode([{"Config": configured, "RepoTags": ["test:1"], "Layers": blobs}])
    layout.archive(path)


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "docker-archive": ("docker-archive", lambda path: path.write_bytes(docker_archive(LAYERS))),
    "docker-archive backwards": ("docker-archive", lambda path: path.write_bytes(docker_archive(LAYERS, reverse=True))),
    "docker-archive gzip": ("docker-archive", lambda path: path.write_bytes(gzip.compress(docker_archive(LAYERS)))),
    "docker-archive zstd": (
        "docker-archive",
        lambda path: path.write_bytes(zstandard.ZstdCompressor().compress(docker_archive(LAYERS))),
    ),
    "docker-archive of gzip layers": (
        "docker-archive",
        lambda path: path.write_bytes(
            docker_archive([gzip.compress(layer) for layer in LAYERS], settings=config(LAYERS))
        ),
    ),
    "docker 25": ("docker-archive", lambda path: _docker_25(path, indexed=True)),
    "docker 25 without index": ("docker-archive", lambda path: _docker_25(path, indexed=False)),
    "oci-archive": ("oci-archive", lambda path: _layout().archive(path)),
    "oci-archive zstd": ("oci-archive", lambda path: _zstd_layout().archive(path)),
    "oci-dir": ("oci-dir", lambda path: _layout().write(path)),
    "oci-dir zstd": ("oci-dir", lambda path: _zstd_layout().write(path)),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_source_gives_the_same_image(tmp_path: Path, writer: str) -> None:
    (tmp_path / "first").write_bytes(docker_archive(LAYERS))
    with load(f"docker-archive:{tmp_path}/first") as image:
        expected = summary(image)
        assert [layer.created_by for layer in image.layers] == ["step 0", "step 1"]
        assert image.config.env == ("PATH=/usr/bin:/bin",)
        assert read_file(image.tree, "/sbin/other", 100) == b"\x7fELF one"
    scheme, write = WRITERS[writer]
    path = tmp_path / "image"
    write(path)
    for text in (f"{scheme}:{path}", str(path)):
        with load(text) as image:
            assert summary(image) == expected
            assert (image.source, image.reference) == (scheme, text)
            assert image.config_digest == sha256(encode(config(LAYERS)))


def test_links_between_layers_of_an_archive(tmp_path: Path) -> None:
    _old_links(tmp_path / "old.tar")
    with load(str(tmp_path / "old.tar")) as image:
        assert len(image.layers) == 3
        assert image.layers[1].diff_id == image.layers[2].diff_id
        assert image.tree.find("/etc/conf").node is not None


def test_digests_are_reported_where_the_source_has_them(tmp_path: Path) -> None:
    layout = _layout()
    entry = layout.entries[0]
    with load(str(layout.write(tmp_path / "layout"))) as image:
        assert image.digest == entry["digest"]
        assert image.layers[0].digest == sha256(gzip.compress(LAYERS[0], 1, mtime=0))
        assert image.layers[0].media_type == f"{LAYER}+gzip"
        assert image.layers[0].size == len(gzip.compress(LAYERS[0], 1, mtime=0))
    (tmp_path / "d.tar").write_bytes(docker_archive(LAYERS))
    with load(str(tmp_path / "d.tar")) as image:
        assert image.digest is None
        assert (image.layers[0].digest, image.layers[0].size) == (None, len(LAYERS[0]))


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """An archive and a layout, each of two images."""
    layout = Layout()
    layout.add(layout.manifest(LAYERS), "v1")
    layout.add(layout.manifest(LAYERS[:1]), "v2")
    layout.write(tmp_path / "layout")
    members = []
    manifest = []
    for number, tags in ((1, ["host:5000/a/b:v1", "b:latest"]), (2, ["a/b:v2"])):
        raw = encode(config(LAYERS[:number]))
        name = sha256(raw).removeprefix("sha256:") + ".json"
        members.append(file(name, raw))
        manifest.append({"Config": name, "RepoTags": tags, "Layers": ["0.tar", "1.tar"][:number]})
    members += [file("0.tar", LAYERS[0]), file("1.tar", LAYERS[1]), file("manifest.json", encode(manifest))]
    (tmp_path / "d.tar").write_bytes(tar(members))
    return tmp_path


@pytest.mark.parametrize(
    ("choice", "layers"),
    [
        ("layout:v1", 2),
        ("layout:v2", 1),
        ("d.tar:host:5000/a/b:v1", 1),
        ("d.tar:b", 1),
        ("d.tar:docker.io/library/b:latest", 1),
        ("d.tar:a/b:v2", 2),
        ("d.tar:v2", 2),
        ("d.tar:v1", 1),
    ],
)
def test_one_of_several_images_is_chosen_by_name(several: Path, choice: str, layers: int) -> None:
    with load(f"{several}/{choice}") as image:
        assert len(image.layers) == layers


def test_one_of_several_images_is_chosen_by_digest(several: Path) -> None:
    index = json.loads((several / "layout/index.json").read_text())
    with load(f"oci-dir:{several}/layout@{index['manifests'][1]['digest']}") as image:
        assert len(image.layers) == 1
    with pytest.raises(ImageNotFound):
        load(f"oci-dir:{several}/layout@{sha256(b'other')}").__enter__()


@pytest.mark.parametrize(
    ("path", "names"), [("layout", ["v1", "v2"]), ("d.tar", ["host:5000/a/b:v1", "b:latest", "a/b:v2"])]
)
def test_several_images_and_none_named(several: Path, path: str, names: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load(f"{several}/{path}").__enter__()
    assert all(name in str(caught.value) for name in names)
    with pytest.raises(ImageNotFound) as missing:
        load(f"{several}/{path}:nonsense").__enter__()
    assert all(name in str(missing.value) for name in names)


def test_one_image_under_two_names_needs_no_choice(tmp_path: Path) -> None:
    layout = Layout()
    entry = layout.manifest(LAYERS)
    layout.add(entry, "v1")
    layout.add(entry, "latest")
    with load(str(layout.write(tmp_path / "layout"))) as image:
        assert image.digest == entry["digest"]


def _platforms(*names: str, nested: bool = False, attest: bool = True) -> Layout:
    layout = Layout()
    entries = []
    for name in names:
        os_name, architecture, *variant = name.split("/")
        platform: Json = {"os": os_name, "architecture": architecture}
        if variant:
            platform["variant"] = variant[0]
        settings = config([LAYERS[0]], **platform)
        entries.append(layout.manifest([LAYERS[0]], settings=settings, platform=platform))
    if attest:
        unknown: Json = {"os": "unknown", "architecture": "unknown"}
        note = {"vnd.docker.reference.type": "attestation-manifest"}
        entries.append(layout.manifest([tar([])], platform=unknown, annotations=note))
    index = layout.index(entries)
    layout.add(layout.index([index]) if nested else index, "v1")
    return layout


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("linux/arm64", "arm64"),
        ("linux/arm64/v8", "arm64"),
        ("linux/arm/v7", "arm/v7"),
        ("linux/arm/v6", "arm/v6"),
        ("linux/arm", "arm/v7"),
        ("linux/s390x", "s390x"),
    ],
)
def test_one_platform_of_an_index(tmp_path: Path, nested: bool, wanted: str, got: str) -> None:
    layout = _platforms("linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "linux/s390x", nested=nested)
    layout.write(tmp_path / "layout")
    with load(str(tmp_path / "layout"), platform=parse_platform(wanted)) as image:
        assert str(image.config.platform).removeprefix("linux/").removesuffix("/v8") == got


def test_without_a_platform_it_is_the_hosts_or_the_only_one(tmp_path: Path) -> None:
    host = str(host_platform())
    other = "linux/s390x" if host != "linux/s390x" else "linux/amd64"
    with load(str(_platforms(other, host).write(tmp_path / "both"))) as image:
        assert str(image.config.platform) == host
    with load(str(_platforms(other).write(tmp_path / "one"))) as image:
        assert str(image.config.platform) == other
    with pytest.raises(ImageNotFound, match=f"no image for {host}, but for linux/riscv64, linux/mips"):
        load(str(_platforms("linux/riscv64", "linux/mips").write(tmp_path / "none"))).__enter__()
    with pytest.raises(ImageNotFound, match="is for linux/amd64, not for linux/arm64"):
        load(str(_layout().write(tmp_path / "plain")), platform=parse_platform("arm64")).__enter__()


def test_platforms_listed_side_by_side_are_one_image(tmp_path: Path) -> None:
    layout = Layout()
    for architecture in ("amd64", "arm64"):
        platform: Json = {"os": "linux", "architecture": architecture}
        layout.add(layout.manifest([LAYERS[0]], settings=config([LAYERS[0]], **platform), platform=platform))
    with load(str(layout.write(tmp_path / "layout")), platform=parse_platform("arm64")) as image:
        assert image.config.platform.architecture == "arm64"


def test_named_images_of_other_platforms_are_not_one(tmp_path: Path) -> None:
    layout = Layout()
    for name, architecture in (("v1", "amd64"), ("v2", "arm64")):
        platform: Json = {"os": "linux", "architecture": architecture}
        layout.add(layout.manifest([LAYERS[0]], settings=config([LAYERS[0]], **platform), platform=platform), name)
    layout.write(tmp_path / "layout")
    with load(f"{tmp_path}/layout:v2", platform=parse_platform("arm64")) as image:
        assert image.config.platform.architecture == "arm64"
    with pytest.raises(UsageError, match="holds several images: v1, v2"):
        load(f"{tmp_path}/layout").__enter__()


def test_an_archive_may_hold_one_platform_of_many(tmp_path: Path) -> None:
    layout = _platforms("linux/amd64", "linux/arm64")
    index_name = f"blobs/{str(layout.entries[0]['digest']).replace(':', '/')}"
    arm = json.loads(layout.files[index_name])["manifests"][1]["digest"]
    del layout.files[f"blobs/{arm.replace(':', '/')}"]
    layout.write(tmp_path / "layout")
    with load(str(tmp_path / "layout"), platform=parse_platform("amd64")) as image:
        assert image.config.platform.architecture == "amd64"
    with pytest.raises(ImageNotFound):
        load(str(tmp_path / "layout"), platform=parse_platform("arm64")).__enter__()


def test_all_platforms_of_an_index_or_the_one_that_a_digest_names(tmp_path: Path) -> None:
    layout = _platforms("linux/amd64", "linux/arm64")
    index = str(layout.entries[0]["digest"])
    arm = json.loads(layout.files[f"blobs/{index.replace(':', '/')}"])["manifests"][1]["digest"]
    layout.write(tmp_path / "layout")
    for digest, platforms in ((index, ["amd64", "arm64"]), (arm, ["arm64"])):
        with load_index(f"oci-dir:{tmp_path}/layout@{digest}") as found:
            assert [platform.architecture for platform in found.platforms] == platforms


def test_a_platform_that_is_named_and_not_stored(tmp_path: Path) -> None:
    """One that another entry has is there, as where an index names several images of a platform."""
    layout = _platforms("linux/amd64", "linux/arm64", "linux/s390x", "linux/s390x")
    name = f"blobs/{str(layout.entries[0]['digest']).replace(':', '/')}"
    entries = json.loads(layout.files[name])["manifests"]
    entries[3] = {**entries[3], "digest": sha256(b"another build")}
    layout.entries = []
    layout.add(layout.index(entries), "v1")
    del layout.files[f"blobs/{entries[1]['digest'].replace(':', '/')}"]
    layout.write(tmp_path / "layout")
    reference = f"oci-dir:{tmp_path}/layout"
    with pytest.raises(ImageNotFound, match="names linux/arm64 in its index and does not hold it"):
        load_index(reference).__enter__()
    with load_index(reference, available=True) as found:
        assert [str(platform) for platform in found.left_out] == ["linux/arm64"]


def test_a_layer_listed_twice_is_read_once(tmp_path: Path) -> None:
    layout = Layout()
    layout.add(layout.manifest([LAYERS[0], LAYERS[1], LAYERS[0]]))
    seen: list[events.Event] = []
    with load(str(layout.write(tmp_path / "layout")), listener=seen.append) as image:
        conf = image.tree.find("/etc/conf").node
        assert conf is not None
        assert conf.layer == 2
        assert [layer.index for layer in image.layers] == [0, 1, 2]
    assert sum(isinstance(event, events.LayerStarted) for event in seen) == 2
    assert sorted(event.reused for event in seen if isinstance(event, events.LayerFinished)) == [False, False, True]


@pytest.mark.parametrize("digests", [True, False], ids=["layout", "docker-archive"])
def test_progress_names_each_layer_by_the_best_name_that_it_has(tmp_path: Path, digests: bool) -> None:
    packed = gzip.compress(LAYERS[0], 1, mtime=0)
    if digests:
        layout = Layout()
        layout.add(layout.manifest(LAYERS[:1]))
        path = layout.write(tmp_path / "layout")
    else:
        path = tmp_path / "a.tar"
        path.write_bytes(docker_archive(LAYERS[:1]))
    seen: list[events.Event] = []
    with load(str(path), listener=seen.append):
        pass
    (started,) = [event for event in seen if isinstance(event, events.LayerStarted)]
    assert started.name == sha256(packed if digests else LAYERS[0])


def test_history_that_does_not_fit_tells_nothing(tmp_path: Path) -> None:
    empty = [{"created_by": "ENV a=b", "empty_layer": True}]
    for history, expected in (
        ([{"created_by": "COPY"}, *empty, {"created_by": "RUN"}], ("COPY", "RUN")),
        ([{"created_by": "COPY"}], ("", "")),
        (None, ("", "")),
        ([{}, {"created_by": "RUN"}], ("", "RUN")),
    ):
        path = tmp_path / "image.tar"
        path.write_bytes(docker_archive(LAYERS, settings=config(LAYERS, history=history)))
        with load(str(path)) as image:
            assert tuple(layer.created_by for layer in image.layers) == expected


# What is not an image, or not a sound one


def _cut(path: Path, share: float) -> None:
    data = docker_archive(LAYERS)
    path.write_bytes(data[: int(len(data) * share)])


def _altered_blob(path: Path) -> None:
    layout = _layout()
    name = f"blobs/{sha256(gzip.compress(LAYERS[0], 1, mtime=0)).replace(':', '/')}"
    layout.files[name] = gzip.compress(LAYERS[0] + b"more", 1, mtime=0)
    layout.write(path)


def _schema_1(path: Path) -> None:
    layout = Layout()
    layout.add(layout.blob(encode({"schemaVersion": 1}), "application/vnd.docker.distribution.manifest.v1+prettyjws"))
    layout.write(path)


def _helm_chart(path: Path) -> None:
    layout = Layout()
    chart = layout.blob(b"{}", "application/vnd.cncf.helm.config.v1+json")
    layout.add(layout.blob(encode({"schemaVersion": 2, "config": chart, "layers": []}), MANIFEST))
    layout.write(path)


def _both_kinds(path: Path) -> None:
    layout = Layout()
    inner = layout.manifest(LAYERS)
    document = {"schemaVersion": 2, "manifests": [inner], "config": inner, "layers": []}
    layout.add(layout.blob(encode(document), INDEX))
    layout.write(path)


def _bottomless(path: Path) -> None:
    layout = Layout()
    entry = layout.manifest(LAYERS)
    for _ in range(9):
        entry = layout.index([entry])
    layout.add(entry)
    layout.write(path)


def _missing_blob(path: Path) -> None:
    layout = _layout()
    del layout.files[f"blobs/{sha256(gzip.compress(LAYERS[0], 1, mtime=0)).replace(':', '/')}"]
    layout.write(path)


def _unknown_layer(path: Path) -> None:
    layout = Layout()
    layout.add(layout.manifest_of(LAYERS, "application/x-layer", config(LAYERS)))
    layout.write(path)


def _nothing(path: Path) -> None:
    del path


def _wrong(path: Path, **settings: object) -> None:
    path.write_bytes(docker_archive(LAYERS, settings={"os": "linux", **settings}))


def _config_is_no_json(path: Path) -> None:
    raw = b"\xff not json"
    name = sha256(raw).removeprefix("sha256:") + ".json"
    manifest = encode([{"Config": name, "RepoTags": [], "Layers": []}])
    path.write_bytes(tar([file(name, raw), file("manifest.json", manifest)]))


def _deep_json(path: Path) -> None:
    path.write_bytes(tar([file("manifest.json", b"[" * 200_000)]))


def _huge_json(path: Path) -> None:
    path.write_bytes(tar([file("manifest.json", b" " * (9 << 20) + b"[]")]))


def _link_loop(path: Path) -> None:
    path.write_bytes(tar([link("manifest.json", "other"), link("other", "manifest.json")]))


def _links_out(path: Path) -> None:
    manifest = encode([{"Config": "../../../../etc/passwd", "RepoTags": [], "Layers": ["/etc/passwd"]}])
    path.write_bytes(tar([file("manifest.json", manifest)]))


BAD: dict[str, tuple[Callable[[Path], object], type[AuditError], str]] = {
    "no file": (_nothing, ImageNotFound, "no such file"),
    "empty file": (lambda path: path.write_bytes(b""), UnsupportedFormat, "is empty"),
    "text": (lambda path: path.write_text("hello\n" * 200), UnsupportedFormat, "not an image archive"),
    "gzip of text": (lambda path: path.write_bytes(gzip.compress(b"hello" * 999)), UnsupportedFormat, "not an image"),
    "cut gzip": (lambda path: path.write_bytes(gzip.compress(os.urandom(9999))[:5000]), CorruptImage, "decompressed"),
    "another tar": (lambda path: path.write_bytes(tar([file("a")])), UnsupportedFormat, "neither manifest.json"),
    "cut early": (lambda path: _cut(path, 0.1), CorruptImage, "ends inside"),
    "cut late": (lambda path: _cut(path, 0.6), CorruptImage, "ends inside"),
    "wrong diff id": (
        lambda path: _wrong(path, **config(LAYERS[::-1])), CorruptImage, "layer 0",
    ),
    "fewer diff ids": (
        lambda path: _wrong(path, **config(LAYERS[:1])), CorruptImage, "names 1 layers",
    ),
    "no rootfs": (
        _wrong, CorruptImage, "'rootfs' is missing",
    ),
    "altered blob": (_altered_blob, CorruptImage, "layer 0"),
    "missing blob": (_missing_blob, CorruptImage, "has no blobs/sha256/"),
    "schema 1": (_schema_1, UnsupportedFormat, "schema 1"),
    "helm chart": (_helm_chart, UnsupportedFormat, "no container image"),
    "index and manifest": (_both_kinds, CorruptImage, "at once"),
    "indexes without end": (_bottomless, LimitExceeded, "nested"),
    "config is no JSON": (_config_is_no_json, CorruptImage, "is not JSON"),
    "deep JSON": (_deep_json, LimitExceeded, "nested too deeply"),
    "huge JSON": (_huge_json, LimitExceeded, "over the limit"),
    "link loop": (_link_loop, AuditError, ""),
    "links out of the archive": (_links_out, CorruptImage, "has no"),
    "null manifest": (lambda path: path.write_bytes(tar([file("manifest.json", b"null")])), CorruptImage, "no image"),
    "manifest is an object": (
        lambda path: path.write_bytes(tar([file("manifest.json", b"{}")])), CorruptImage, "not a list",
    ),
    "unknown layer type": (_unknown_layer, UnsupportedFormat, "unknown media type 'application/x-layer'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_audited_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    write, kind, words = BAD[name]
    path = tmp_path / "image"
    write(path)
    with pytest.raises(kind) as caught:
        load(str(path)).__enter__()
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.remedy or isinstance(caught.value, LimitExceeded)


@pytest.mark.parametrize("scheme", ["docker-archive", "oci-archive", "oci-dir", "dir"])
@pytest.mark.parametrize("kind", ["nothing", "directory", "file", "pipe"])
def test_a_scheme_on_the_wrong_thing(tmp_path: Path, scheme: str, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "directory":
        path.mkdir()
        if scheme == "dir":
            return
    elif kind == "file":
        path.write_bytes(b"text" * 300)
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(AuditError) as caught:
        load(f"{scheme}:{path}").__enter__()
    assert isinstance(caught.value, ImageNotFound) is (kind == "nothing")


@pytest.mark.parametrize(
    ("name", "remedy"), [("manifest.json", "use docker-archive:"), ("readme", "write it with skopeo copy")]
)
def test_an_archive_of_another_kind_says_what_to_do(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / "thing").write_bytes(tar([file(name, "[]")]))
    with pytest.raises(UnsupportedFormat, match="no OCI archive") as caught:
        load(f"oci-archive:{tmp_path}/thing").__enter__()
    assert remedy in str(caught.value)


STRANGE: list[object] = [None, True, -1, 1.5, 1 << 70, "", "x", "sha256:x", [], [None], [[]], {}, {"a": 1}, "\ud800"]


def _places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, (*path, number))


def _replaced(value: object, path: tuple[object, ...], strange: object) -> object:
    if not path:
        return strange
    changed = copy.copy(value)
    changed[path[0]] = _replaced(changed[path[0]], path[1:], strange)  # type: ignore[index]
    return changed


_SMALL = tar([file("a", "b")])
_SETTINGS = {
    **config([_SMALL]),
    "config": {"Env": ["A=b"], "Entrypoint": ["a"], "Cmd": ["b"], "User": "0", "WorkingDir": "/", "Labels": {"a": "b"}},
    "variant": "v1",
}


def _try(layout: Layout, path: Path) -> None:
    """An image, or an error of the family: nothing else."""
    path.write_bytes(tar(file(name, data) for name, data in layout.all_files().items()))
    try:
        with load(f"oci-archive:{path}") as image:
            assert len(image.layers) <= 1
    except AuditError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("document", ["config", "manifest", "index", "index.json", "manifest.json"])
def test_documents_of_every_wrong_shape_are_errors(tmp_path: Path, document: str) -> None:
    original: object
    platform = {"os": "linux", "architecture": "amd64"}
    plain = Layout()
    entry = plain.manifest([_SMALL], settings=_SETTINGS, platform=platform, annotations={"a": "b"})
    manifest = json.loads(plain.files[f"blobs/{str(entry['digest']).replace(':', '/')}"])
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    old = [{"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["l.tar"]}]
    original = {
        "config": _SETTINGS, "manifest": manifest, "index": index, "index.json": index, "manifest.json": old,
    }[document]  # fmt: skip
    for place in _places(original):
        for strange in STRANGE:
            changed = _replaced(original, place, strange)
            if document == "manifest.json":
                members = [
                    file("manifest.json", encode(changed)),
                    file("c.json", encode(_SETTINGS)),
                    file("l.tar", _SMALL),
                ]
                (tmp_path / "d.tar").write_bytes(tar(members))
                try:
                    load(f"docker-archive:{tmp_path}/d.tar").__enter__()
                except AuditError as error:
                    assert "\n" not in str(error)
                continue
            layout = Layout()
            layout.files.update(plain.files)
            if document == "config":
                layout.add(layout.manifest_of([_SMALL], LAYER, changed))  # type: ignore[arg-type]
            elif document == "manifest":
                layout.add(layout.blob(encode(changed), MANIFEST))
            elif document == "index":
                layout.add(layout.blob(encode(changed), INDEX))
            else:
                layout.files["index.json"] = encode(changed)
                layout.all_files = lambda files=layout.files: files  # type: ignore[method-assign, misc]
            _try(layout, tmp_path / "image.tar")


# A root file system on disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    for name in ("bin", "etc", "usr/lib"):
        (path / name).mkdir(parents=True)
    (path / "bin/tool").write_bytes(b"\x7fELF tool")
    (path / "bin/tool").chmod(0o4755)
    (path / "etc/conf").write_text("text")
    (path / "usr/lib/data").write_bytes(b"data" * 100)
    (path / "lib").symlink_to("usr/lib")
    (path / "host").symlink_to("/etc/passwd")
    (path / "up").symlink_to("../../../../../../etc")
    os.link(path / "bin/tool", path / "bin/same")
    os.mkfifo(path / "pipe")
    return path


def test_a_directory_is_read_in_place(root: Path) -> None:
    with load(f"dir:{root}") as image:
        assert (image.source, image.digest, image.layers) == ("dir", None, ())
        found = dict(image.tree.walk())
        assert sorted(found) == [
            "/bin", "/bin/same", "/bin/tool", "/etc", "/etc/conf", "/host", "/lib", "/pipe", "/up", "/usr", "/usr/lib",
            "/usr/lib/data",
        ]  # fmt: skip
        tool = found["/bin/tool"]
        assert (tool.mode, tool.uid, tool.layer, tool.size) == (0o4755, os.getuid(), None, 9)
        assert tool.inode == found["/bin/same"].inode
        assert tool.content is not None
        assert (tool.content.read(), tool.content.read(5, 2)) == (b"\x7fELF tool", b"to")
        assert found["/usr/lib/data"].content is None
        assert found["/pipe"].kind is FileKind.FIFO
        assert read_file(image.tree, "/etc/conf", 100) == b"text"


def test_no_link_leads_out_of_a_directory(root: Path) -> None:
    with load(f"dir:{root}") as image:
        assert image.tree.find("/host").node is None
        assert image.tree.find("/host").path == "/etc/passwd"
        assert image.tree.find("/up/conf").path == "/etc/conf"


def test_a_directory_that_changes_meanwhile_leads_nowhere_else(root: Path) -> None:
    with load(f"dir:{root}") as image:
        node = image.tree.find("/etc/conf").node
        assert node is not None
        assert node.content is not None
        shutil.move(root / "etc", root / "etc-before")
        (root / "etc").symlink_to("/etc")
        with pytest.raises(SourceUnavailable, match="it changed while"):
            node.content.read()


def test_a_bundle_brings_its_settings(tmp_path: Path, root: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    root.rename(bundle / "rootfs")
    settings = {
        "ociVersion": "1.0.0",
        "process": {"args": ["/bin/tool", "-x"], "env": ["PATH=/bin"], "cwd": "/"},
        "annotations": {"org.opencontainers.image.architecture": "arm64", "org.opencontainers.image.os": "linux"},
    }
    (bundle / "config.json").write_text(json.dumps(settings))
    with load(f"dir:{bundle}") as image:
        assert str(image.config.platform) == "linux/arm64"
        assert (image.config.entrypoint, image.config.env) == (("/bin/tool", "-x"), ("PATH=/bin",))
        assert image.tree.find("/bin/tool").node is not None
    (bundle / "config.json").write_text(json.dumps({**settings, "annotations": {}}))
    with load(f"dir:{bundle}", platform=parse_platform("linux/ppc64le")) as image:
        assert str(image.config.platform) == "linux/ppc64le"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_program_that_may_not_be_read_is_an_error(root: Path) -> None:
    (root / "bin/tool").chmod(0o111)
    with pytest.raises(SourceUnavailable, match="/bin/"):
        load(f"dir:{root}").__enter__()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sets capabilities")
def test_capabilities_of_files_on_disk(root: Path) -> None:
    raw = bytes.fromhex("0100000200200000000000000000000000000000")
    try:
        os.setxattr(root / "etc/conf", "security.capability", raw)
    except OSError:
        pytest.skip("this file system keeps no capabilities")
    (root / "etc/conf").chmod(0o755)
    with load(f"dir:{root}") as image:
        node = image.tree.lstat("/etc/conf")
        assert node is not None
        assert node.capabilities == raw


# Archives that others made


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return path


def test_a_real_alpine_archive() -> None:
    with load(str(shared("alpine-310.tar.gz"))) as image:
        assert image.config.cmd == ("/bin/sh",)
        assert image.tree.find("/bin/ls").path == "/bin/busybox"
        busybox = image.tree.find("/bin/busybox").node
        assert busybox is not None
        assert busybox.content is not None
        assert busybox.content.read(0, 4) == b"\x7fELF"
        assert read_file(image.tree, "/lib/apk/db/installed", 1 << 20)


def test_a_real_docker_25_archive() -> None:
    with load(str(shared("hello-world-v25.tar"))) as image:
        assert [path for path, _ in image.tree.walk()] == ["/hello"]
        assert image.layers[0].digest == image.layers[0].diff_id


@pytest.mark.parametrize(
    ("name", "kind"),
    [("null_manifest.tar", CorruptImage), ("no_manifest.tar", UnsupportedFormat), ("test_link.tar", UsageError)],
)
def test_real_archives_that_hold_not_one_image(name: str, kind: type[AuditError]) -> None:
    with pytest.raises(kind):
        load(str(shared(name))).__enter__()


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("alpine-310.tar.gz", ""),
        ("hello-world-v25.tar", ""),
        ("overwritten_file.tar", ""),
        ("whiteout_image.tar", ""),
        ("test_link.tar", "bazel/v1/tarball:test_image_1"),
        ("test_link.tar", "bazel/v1/tarball:test_image_3"),
    ],
)
@pytest.mark.skipif(shutil.which("umoci") is None or shutil.which("skopeo") is None, reason="needs umoci and skopeo")
@pytest.mark.skipif(os.geteuid() != 0, reason="umoci keeps owners only for root")
def test_real_archives_merge_as_umoci_unpacks_them(tmp_path: Path, name: str, tag: str) -> None:
    path = shared(name)
    plain = tmp_path / "plain.tar"
    data = path.read_bytes()
    plain.write_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    source = f"docker-archive:{plain}" + (f":{tag}" if tag else "")
    subprocess.run(["skopeo", "copy", "-q", source, f"oci:{tmp_path}/layout:it"], check=True)
    subprocess.run(
        ["umoci", "unpack", "--image", f"{tmp_path}/layout:it", tmp_path / "b"], check=True, capture_output=True
    )
    expected = on_disk(tmp_path / "b/rootfs")
    for reference in (f"docker-archive:{path}" + (f":{tag}" if tag else ""), f"oci-dir:{tmp_path}/layout"):
        with load(reference, keep=everything) as image:
            assert in_tree(image.tree) == expected


def test_memory_stays_far_below_the_layers_size(tmp_path: Path) -> None:
    big = tar([program(f"bin/{number}", os.urandom(1 << 20)) for number in range(40)])
    path = tmp_path / "big.tar"
    path.write_bytes(docker_archive([big]))
    del big
    tracemalloc.start()
    with load(str(path)) as image:
        assert image.tree.find("/bin/7").node is not None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20


def test_contents_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spools = tmp_path / "tmp"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    path = tmp_path / "image.tar.gz"
    path.write_bytes(gzip.compress(docker_archive(LAYERS)))
    with load(str(path)):
        assert list(spools.iterdir()) == []
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    for bad in (b"", gzip.compress(b"x"), docker_archive(LAYERS)[:9000]):
        path.write_bytes(bad)
        with pytest.raises(AuditError):
            load(str(path)).__enter__()
    if before:
        assert len(list(descriptors.iterdir())) == before


def test_nothing_heavy_is_imported_for_files_and_absent_daemons(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(docker_archive(LAYERS))
    script = """
import sys
from auditor.errors import SourceUnavailable
from auditor.auditing.load import load
with load(sys.argv[1]) as image:
    pass
try:
    load("docker:nothing").__enter__()
except SourceUnavailable:
    pass
print(*sorted({"docker", "requests", "urllib3", "zstandard", "elftools", "tarfile"} & set(sys.modules)))
"""
    environment = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"}
    command = [sys.executable, "-c", script, str(tmp_path / "image.tar")]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split() == []


def test_limits_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive(LAYERS))
    for limits in (Limits(entries=3), Limits(uncompressed=5000), Limits(kept=5), Limits(json=50), Limits(layers=1)):
        with pytest.raises(LimitExceeded):
            load(str(path), limits=limits).__enter__()


def test_an_archive_that_was_edited_is_read_and_said_to_be(tmp_path: Path) -> None:
    """As skopeo and go-containerregistry read it: the config's bytes count, its file's name does not."""
    path = tmp_path / "image.tar"
    name = "0" * 64 + ".json"
    settings = encode(config(LAYERS))
    layers = {f"{number}.tar": layer for number, layer in enumerate(LAYERS)}
    manifest = encode([{"Config": name, "RepoTags": [], "Layers": list(layers)}])
    files = {name: settings, "manifest.json": manifest, **layers}
    path.write_bytes(tar(file(member, data) for member, data in files.items()))
    seen: list[events.Event] = []
    with load(f"docker-archive:{path}", listener=seen.append) as image:
        assert image.config_digest == sha256(settings)
        assert [layer.diff_id for layer in image.layers] == [sha256(layer) for layer in LAYERS]
        assert ["the archive was edited" in remark for remark in image.remarks] == [True]
    assert [event.what for event in seen if isinstance(event, events.Remarked)] == list(image.remarks)
    files["1.tar"] = files["0.tar"]
    path.write_bytes(tar(file(member, data) for member, data in files.items()))
    with pytest.raises(CorruptImage, match="layer 1"):
        load(f"docker-archive:{path}").__enter__()


def test_a_real_archive_that_was_edited() -> None:
    with load(f"docker-archive:{shared('edited-config.tar')}") as image:
        assert image.remarks


@pytest.mark.parametrize(
    ("name", "target", "found"),
    [
        ("a/link", "file", b"in a"),
        ("a/link", "../b/file", b"in b"),
        ("a/link", "/b/file", b"in b"),
        ("link", "a/file", b"in a"),
        ("link", "file", b"beside"),
        ("a/link", "b/file", None),
        ("a/link", "link", None),
    ],
)
def test_where_a_link_in_an_archive_leads(tmp_path: Path, name: str, target: str, found: bytes | None) -> None:
    (tmp_path / "a.tar").write_bytes(
        tar([file("a/file", "in a"), file("b/file", "in b"), file("file", "beside"), link(name, target)])
    )
    opened = open_archive(tmp_path / "a.tar", "a.tar", Budget())
    assert opened.has(name) is (found is not None)
    assert opened.size(name) == (None if found is None else len(found))
    if found is not None:
        assert opened.read(name, len(found)) == opened.open(name).read() == found
        with pytest.raises(LimitExceeded, match=f"has {len(found)} bytes, over the limit of {len(found) - 1}"):
            opened.read(name, len(found) - 1)
    else:
        with pytest.raises(CorruptImage, match=f"has no {name}"):
            opened.open(name)
    opened.close()
