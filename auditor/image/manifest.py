"""Manifests and indexes, OCI's and Docker's: from a digest to the images below it, each step verified.

Formats: OCI image-spec (manifest.md, image-index.md, descriptor.md) and Docker's manifest v2, schema 2.
"""

import hashlib
from functools import partial
from typing import BinaryIO, Protocol

from msgspec import Struct

from auditor.budget import Limits
from auditor.errors import CorruptImage, LimitExceeded, UnsupportedFormat
from auditor.image.document import Document, parse_object
from auditor.image.model import Platform
from auditor.image.source.interface import Candidate, StoredImage, StoredLayer

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
SCHEMA_1_TYPES = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
_CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_ATTESTATION = "vnd.docker.reference.type"


class Descriptor(Struct, frozen=True):
    """What is known of a blob before it is read (descriptor.md). `size` in bytes."""

    media_type: str
    digest: str
    size: int | None
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()

    def annotation(self, key: str) -> str:
        """An annotation's value, "" where there is none."""
        return dict(self.annotations).get(key, "")


class Blobs(Protocol):
    """Where blobs are kept, by digest. What comes out is checked here, not there."""

    def has_blob(self, digest: str) -> bool:
        """Whether a manifest of an index is there at all; an archive may hold one platform of many."""

    def read_manifest(self, descriptor: Descriptor, limit: int) -> bytes:
        """A manifest's or index's bytes."""

    def read_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A config's bytes."""

    def open_blob(self, descriptor: Descriptor) -> BinaryIO:
        """A layer's bytes as a stream."""


def descriptors(document: Document, key: str) -> tuple[Descriptor, ...]:
    """The descriptors of the list at `key`."""
    return tuple(descriptor(item) for item in document.objects(key))


def descriptor(item: Document) -> Descriptor:
    """One descriptor; CorruptImage where it has no digest or a part of a wrong type."""
    platform = item.object("platform")
    return Descriptor(
        item.text("mediaType"),
        item.digest("digest"),
        item.integer("size"),
        None
        if platform is None or not platform.text("architecture")
        else Platform(platform.text("os"), platform.text("architecture"), platform.text("variant")),
        item.pairs("annotations"),
    )


def is_attestation(item: Descriptor) -> bool:
    """Whether an index entry is BuildKit's provenance or SBOM of another entry, not an image."""
    unknown = item.platform is not None and item.platform.os == item.platform.architecture == "unknown"
    return unknown or bool(item.annotation(_ATTESTATION))


def check(data: bytes, expected: Descriptor, where: str) -> None:
    """Compare bytes with their descriptor; CorruptImage where they differ."""
    if expected.size is not None and len(data) != expected.size:
        raise CorruptImage(
            f"{expected.digest} has {len(data)} bytes, its descriptor says {expected.size}",
            where,
            "get the image again",
        )
    algorithm, _, digits = expected.digest.partition(":")
    actual = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    if actual != digits:
        raise CorruptImage(
            f"{expected.digest} has the digest {algorithm}:{actual}", where, "it was altered; get the image again"
        )


class Manifests:
    """Reads manifests out of a store of blobs."""

    def __init__(
        self, blobs: Blobs, limits: Limits, where: str, *, counted: bool = False, fetched: bool = False
    ) -> None:
        self._blobs = blobs
        self._limits = limits
        self._where = where
        self._counted = counted
        self._fetched = fetched

    def candidates(self, roots: tuple[Descriptor, ...]) -> tuple[Candidate, ...]:
        """Every stored image at or below the roots, in the order of the index: nested ones opened, no attestations.

        An image that two entries name is listed once.
        """
        found, missing = self._walk(roots)
        if not found:
            absent = ", ".join(item.digest for item in missing[:4])
            what = f"none of its images is there ({absent})" if missing else "lists no image"
            raise CorruptImage(what, self._where, "save or copy the image again, with a platform that it has")
        return tuple(found.values())

    def absent(self, roots: tuple[Descriptor, ...]) -> tuple[Platform, ...]:
        """The platforms that are named and whose manifests aren't stored, as a partly pulled index is saved."""
        found, missing = self._walk(roots)
        stored = {platform for _, platform in found}
        named = (item.platform for item in missing)
        return tuple(dict.fromkeys(platform for platform in named if platform and platform not in stored))

    def _walk(
        self, roots: tuple[Descriptor, ...]
    ) -> tuple[dict[tuple[str, Platform | None], Candidate], list[Descriptor]]:
        found: dict[tuple[str, Platform | None], Candidate] = {}
        missing: list[Descriptor] = []
        left = [(root, 0) for root in reversed(roots)]
        budget = self._limits.index_entries
        while left:
            item, depth = left.pop()
            budget -= 1
            if budget < 0:
                raise LimitExceeded(f"an index of more than {self._limits.index_entries} entries", self._where)
            if item.media_type in SCHEMA_1_TYPES:
                raise self._schema_1(item)
            # Several roots are what an index names that is the layout's own index.json.
            if (depth or len(roots) > 1) and not self._blobs.has_blob(item.digest):
                missing.append(item)
                continue
            if item.media_type in MANIFEST_TYPES and item.platform is not None:
                found.setdefault((item.digest, item.platform), self._candidate(item))
                continue
            document = self._document(item)
            if not _is_index(document):
                found.setdefault((item.digest, item.platform), self._candidate(item))
                continue
            if depth == self._limits.index_depth:
                raise LimitExceeded(f"indexes nested more than {depth} deep", self._where, "this is no image")
            entries = [entry for entry in descriptors(document, "manifests") if not is_attestation(entry)]
            left += [(entry, depth + 1) for entry in reversed(entries)]
        return found, missing

    def _candidate(self, item: Descriptor) -> Candidate:
        return Candidate(item.platform, item.digest, partial(self._image, item))

    def _document(self, item: Descriptor) -> Document:
        data = self._blobs.read_manifest(item, self._limits.json)
        check(data, item, self._where)
        return parse_object(data, f"{self._where}, manifest {item.digest}", self._limits.json)

    def _schema_1(self, item: Descriptor) -> UnsupportedFormat:
        return UnsupportedFormat(
            f"{item.digest} is a manifest of schema 1",
            self._where,
            "push the image again with a Docker of 2017 or later",
        )

    def _image(self, item: Descriptor) -> StoredImage:
        document = self._document(item)
        if document.integer("schemaVersion") == 1:
            raise self._schema_1(item)
        media_type = document.text("mediaType") or item.media_type
        if media_type and media_type not in MANIFEST_TYPES:
            raise UnsupportedFormat(
                f"unknown media type {media_type[:100]!r}", document.where, "name a container image"
            )
        config = document.object("config")
        if config is None or not document.has("layers"):
            raise document.fail("has no config or no layers, so it is no image manifest")
        config_descriptor = descriptor(config)
        if config_descriptor.media_type and config_descriptor.media_type not in _CONFIG_TYPES:
            raise UnsupportedFormat(
                f"is no container image but {config_descriptor.media_type[:100]!r}",
                document.where,
                "name a container image",
            )
        layers = descriptors(document, "layers")
        data = self._blobs.read_blob(config_descriptor, self._limits.json)
        check(data, config_descriptor, self._where)
        return StoredImage(
            item.digest,
            data,
            config_descriptor.digest,
            f"{self._where}, config {config_descriptor.digest}",
            tuple(self._layer(number, layer) for number, layer in enumerate(layers)),
        )

    def _layer(self, number: int, layer: Descriptor) -> StoredLayer:
        return StoredLayer(
            key=layer.digest,
            where=f"{self._where}, layer {number} ({layer.digest})",
            media_type=layer.media_type,
            digest=layer.digest,
            size=layer.size,
            open=partial(self._blobs.open_blob, layer),
            counted=self._counted,
            fetched=self._fetched,
        )


def _is_index(document: Document) -> bool:
    """By content: a media type may be absent in OCI's. One that could be read both ways is refused."""
    index, manifest = document.has("manifests"), document.has("layers") or document.has("config")
    if index and manifest:
        raise document.fail("is an index and a manifest at once")
    media_type = document.text("mediaType")
    if (media_type in INDEX_TYPES and manifest) or (media_type in MANIFEST_TYPES and index):
        raise document.fail("is of another kind than its media type says")
    return index or media_type in INDEX_TYPES
