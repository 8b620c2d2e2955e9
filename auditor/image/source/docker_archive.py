"""Archives that `docker save` writes: manifest.json with a config and layers, and since Docker 25 an OCI layout beside.

Format: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

import hashlib
import re
from functools import partial

from auditor import events
from auditor.errors import CorruptImage
from auditor.image.document import Document, documents, parse
from auditor.image.reference import Reference
from auditor.image.source.archive import Archive, open_archive
from auditor.image.source.interface import Candidate, Listing, Options, Source, StoredImage, StoredLayer
from auditor.image.source.layout import Layout

_BLOB = re.compile(r"blobs/(sha256)/([0-9a-f]{64})")
_CONFIG = re.compile(r"([0-9a-f]{64})\.json")
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
_REMEDY = "save the image again with docker save"


class DockerArchive:
    """The images of one archive's manifest.json."""

    def __init__(self, archive: Archive, options: Options, name: str = "docker-archive") -> None:
        self._archive = archive
        self._limit = options.limits.json
        self._listener = options.listener
        self.name = name

    def images(self) -> tuple[Listing, ...]:
        """One for each entry of manifest.json, named by its RepoTags."""
        where = f"{self._archive.where}, manifest.json"
        value = parse(self._archive.read("manifest.json", self._limit), where, self._limit)
        if value is None or value == []:
            raise CorruptImage("lists no image", where, _REMEDY)
        if not isinstance(value, list):
            raise CorruptImage("is not a list", where, _REMEDY)
        return tuple(
            Listing(entry.texts("RepoTags"), None, partial(self._candidates, entry))
            for entry in documents(value, where)
        )

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def _candidates(self, entry: Document) -> tuple[Candidate, ...]:
        return (Candidate(None, None, partial(self._image, entry)),)

    def _image(self, entry: Document) -> StoredImage:
        config_name = entry.text("Config", None)
        config = self._archive.read(config_name, self._limit)
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        named = _BLOB.fullmatch(config_name) or _CONFIG.fullmatch(config_name)
        remarks: tuple[str, ...] = ()
        if named is not None and named[named.lastindex or 0] != digest.removeprefix("sha256:"):
            what = f"{config_name} has the digest {digest}, not that of its name: the archive was edited"
            self._listener(events.Remarked(self._archive.where, what))
            remarks = (what,)
        layers = tuple(self._layer(number, name) for number, name in enumerate(entry.texts("Layers")))
        return StoredImage(None, config, digest, f"{self._archive.where}, {config_name}", layers, remarks=remarks)

    def _layer(self, number: int, name: str) -> StoredLayer:
        blob = _BLOB.fullmatch(name)
        return StoredLayer(
            key=self._archive.identity(name),
            where=f"{self._archive.where}, layer {number} ({name})",
            media_type=_LAYER_TYPE,
            digest=f"{blob[1]}:{blob[2]}" if blob else None,
            size=self._archive.size(name),
            open=partial(self._archive.open, name),
            counted=True,
        )


def open_source(reference: Reference, options: Options) -> Source:
    """The archive that the reference names."""
    assert reference.path is not None
    return from_archive(open_archive(reference.path, str(reference.path), options.budget), options)


def from_archive(archive: Archive, options: Options, name: str = "docker-archive") -> Source:
    """An archive that is open already; the OCI layout inside is preferred, since it has every digest."""
    try:
        if archive.has("oci-layout") and archive.has("index.json"):
            layout = Layout(archive, options.limits, name)
            if not layout.empty():
                return layout
        if not archive.has("manifest.json"):
            raise CorruptImage("has no manifest.json", archive.where, _REMEDY)
    except BaseException:
        archive.close()
        raise
    return DockerArchive(archive, options, name)
