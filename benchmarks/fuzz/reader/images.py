"""Layers, archives, manifests, configs and references."""

import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

import zstandard

from auditor.archive.compression import decompress
from auditor.auditing.load import load
from auditor.budget import DEFAULT, Budget, parse_limits
from auditor.errors import AuditError
from auditor.image.config import parse_config
from auditor.image.layer import Expected, read_layer
from auditor.image.manifest import Descriptor, Manifests
from auditor.image.merge import Merge
from auditor.image.model import Platform
from auditor.image.platforms import fitness, parse_platform
from auditor.image.reference import parse, parse_name
from auditor.image.spool import Spool
from auditor.image.tree import MergedTree
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.world import joined, parts, written

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"


def layer(members: Mapping[str, bytes | str]) -> bytes:
    """A tar of these files; a text is a link's target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.mode = 0o755
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    made = out.getvalue().rstrip(b"\0")
    return made + bytes(-len(made) % 512 + 1024)


def _read_tar(data: bytes) -> None:
    """Two layers, the one on the other, and the tree that they make."""
    budget = Budget()
    merge = Merge(budget)
    with Spool(budget.kept) as spool:
        for number, piece in enumerate(parts(data, 2)):
            expected = Expected("layer", None, None, None)
            entries = read_layer(io.BytesIO(piece), expected, keep=lambda *_: True, spool=spool, budget=budget).entries
            merge.apply(number, entries, "layer")
        tree = MergedTree(merge.root, merge.removed, budget)
        for path, node in tree.walk():
            tree.find(f"{path}/../x/../{node.target}")
            tree.listdir(path)
            if node.content is not None:
                node.content.read(0, 16)


def _tars() -> Iterator[bytes]:
    plain = layer({"usr/bin/a": b"#!/bin/sh\n", "bin": "usr/bin", "bin/b": b"b"})
    yield joined(plain, layer({"usr/bin/.wh.a": b"", "etc/.wh..wh..opq": b"", "bin/c": "../x"}))
    yield joined(layer({"x" * 150: b"long", "lnk": "y" * 120}), b"")
    yield joined(gzip.compress(plain), zstandard.compress(plain))
    sparse = tarfile.TarInfo("s")
    sparse.size = 512
    sparse.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "s", "GNU.sparse.size": "4096",
        "GNU.sparse.map": "0,512", "SCHILY.xattr.security.capability": "\1\0\0\2",
    }  # fmt: skip
    yield joined(sparse.tobuf(tarfile.PAX_FORMAT) + bytes(1536), plain)
    hard = tarfile.TarInfo("h")
    hard.type, hard.linkname = tarfile.LNKTYPE, "usr/bin/a"
    yield joined(plain[:-1024] + hard.tobuf(tarfile.GNU_FORMAT) + bytes(1024), plain)


def _compressed() -> Iterator[bytes]:
    text = b"one two three four " * 20
    yield gzip.compress(text)
    yield zstandard.compress(text)
    yield lzma.compress(text)
    yield lzma.compress(text, lzma.FORMAT_ALONE)
    yield gzip.compress(text) + gzip.compress(text)


def _archive(data: bytes) -> None:
    path = written("archive", data)
    for scheme in ("docker-archive", "oci-archive"):
        with load(f"{scheme}:{path}") as image:
            sum(1 for _ in image.tree.walk())


#: A layer, for who needs one.
PIECE = layer({"a": b"a"})[:2048]


def saved(listing: bytes, config: bytes) -> bytes:
    """An archive as docker save writes it, of that layer."""
    return layer({"manifest.json": listing, "c.json": config, "l.tar": PIECE})


def _archives() -> Iterator[bytes]:
    piece = PIECE
    config = _json({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [_digest(piece)]}})
    listing = _json([{"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["l.tar"]}])
    archive = saved(listing, config)
    yield archive
    yield gzip.compress(archive)
    manifest = _json({"schemaVersion": 2, "config": _descriptor(config, _CONFIG), "layers": [_descriptor(piece, "")]})
    blobs = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in (piece, config, manifest)}
    index = _json({"manifests": [_descriptor(manifest, _MANIFEST)]})
    yield layer({"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index, **blobs})


class _Blobs:
    """Blobs by whatever digest they are asked for by; those of others are made to fit."""

    def __init__(self, blobs: Mapping[str, bytes]) -> None:
        self._blobs = blobs

    def has_blob(self, digest: str) -> bool:
        return digest in self._blobs

    def read_manifest(self, descriptor: Descriptor, limit: int) -> bytes:
        return self._blobs.get(descriptor.digest, b"")[: limit + 1]

    read_blob = read_manifest

    def open_blob(self, descriptor: Descriptor) -> BinaryIO:
        return io.BytesIO(self._blobs.get(descriptor.digest, b""))


def _manifests(data: bytes) -> None:
    """An index, a manifest and a config; each names the next by a mark in place of its digest."""
    index, manifest, config = parts(data, 3)
    manifest = manifest.replace(b"CONFIG", _digest(config).encode())
    index = index.replace(b"MANIFEST", _digest(manifest).encode())
    blobs = _Blobs({_digest(blob): blob for blob in (index, manifest, config)})
    roots = tuple(Descriptor("", _digest(blob), len(blob)) for blob in (index, manifest))
    for root in roots:
        manifests = Manifests(blobs, DEFAULT, "layout")
        manifests.absent((root,))
        for candidate in manifests.candidates((root,)):
            stored = candidate.read()
            parse_config(stored.config, "config", len(stored.layers), DEFAULT)


def _manifest_sets() -> Iterator[bytes]:
    config = _json({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [f"sha256:{'0' * 64}"]}})
    own = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": f"sha256:{'0' * 64}", "size": 1}
    named = {"mediaType": _CONFIG, "digest": "CONFIG", "size": len(config)}
    manifest = _json({"schemaVersion": 2, "mediaType": _MANIFEST, "config": named, "layers": [own]})
    size = len(manifest) - len("CONFIG") + len(_digest(b""))
    arm = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    entries = [
        {"mediaType": _MANIFEST, "digest": "MANIFEST", "size": size, "platform": arm},
        {**own, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ]
    yield joined(_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}), manifest, config)


def _configs() -> Iterator[bytes]:
    settings: dict[str, object] = {"Env": ["PATH=/bin"], "Cmd": ["sh"], "Entrypoint": None, "User": "0"}
    settings |= {"WorkingDir": "/", "Labels": {}, "ExposedPorts": {"80": {}}}
    yield _json(
        {
            "os": "linux", "architecture": "arm64", "variant": "v8", "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"]},
            "history": [{"created_by": "x"}, {"empty_layer": True}],
        }
    )  # fmt: skip


def _references(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    found = [_told(read, text) for read in (parse, parse_name, parse_platform, lambda word: parse_limits([word]))]
    if isinstance(found[2], Platform):
        fitness(found[2], Platform("linux", "arm64", "v8"))
        fitness(Platform("linux", "arm", "v7"), found[2])


def _told(read: Callable[[str], object], text: str) -> object:
    try:
        return read(text)
    except AuditError as error:
        assert "\n" not in str(error), "an error of several lines"
        return None


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(blob: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


READERS = {
    "tar": Reader(_read_tar, _tars, longest=8192),
    "compression": Reader(lambda data: decompress(data, 1 << 20, "data", trailing=True), _compressed),
    "archive": Reader(_archive, _archives, longest=12288),
    "manifests": Reader(_manifests, _manifest_sets),
    "config": Reader(lambda data: parse_config(data, "config", 1, DEFAULT), _configs, json=True),
    "references": Reader(
        _references,
        lambda: (b"registry:a.b:5000/c/d:e@sha256:" + b"0" * 64, b"calico/node:v3", b"linux/arm64/v8", b"symbols=1",
                 b"docker-archive:/dev/shm/x:y", b"[::1]:5000/a/b"),
        longest=300,
    ),
}  # fmt: skip
