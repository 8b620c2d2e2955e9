"""A registry: manifests are fetched and checked, layers are read as they come, nothing is stored."""

import threading
from typing import BinaryIO

from auditor.image.manifest import Descriptor, Manifests
from auditor.image.reference import Reference
from auditor.image.registry.client import Repository
from auditor.image.registry.transport import PATIENT
from auditor.image.source.interface import Listing, Options, Source

PATIENCE = PATIENT


class Registry:
    """The one image that a name stands for, as a `Source`, and its repository as a store of blobs."""

    name = "registry"

    def __init__(self, repository: Repository, reference: str, options: Options) -> None:
        self._repository = repository
        self._limits = options.limits
        self._lock = threading.Lock()
        self._manifests: dict[str, bytes] = {}
        self._root = self._fetch(reference, options.limits.json)

    def images(self) -> tuple[Listing, ...]:
        """The image."""
        manifests = Manifests(self, self._limits, self._repository.where, fetched=True)
        return (Listing((), self._root.digest, lambda: manifests.candidates((self._root,))),)

    def close(self) -> None:
        """Close the connections."""
        self._repository.close()

    def has_blob(self, digest: str) -> bool:
        """A registry takes an index only with what it lists."""
        del digest
        return True

    def read_manifest(self, descriptor: Descriptor, limit: int) -> bytes:
        """A manifest's bytes; each is fetched once."""
        if descriptor.digest not in self._manifests:
            self._fetch(descriptor.digest, limit)
        return self._manifests[descriptor.digest]

    def read_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A config's bytes."""
        return self._repository.blob(descriptor, limit)

    def open_blob(self, descriptor: Descriptor) -> BinaryIO:
        """A layer's bytes as they come."""
        return self._repository.open_blob(descriptor)

    def _fetch(self, reference: str, limit: int) -> Descriptor:
        descriptor, data = self._repository.manifest(reference, limit)
        with self._lock:
            self._manifests[descriptor.digest] = data
        return descriptor


def open_source(reference: Reference, options: Options) -> Source:
    """The image that the registry of the reference's host has under its name."""
    name = reference.name
    assert name is not None
    repository = Repository(name, options.access, listener=options.listener, patience=PATIENCE)
    try:
        return Registry(repository, name.digest or name.tag, options)
    except BaseException:
        repository.close()
        raise
