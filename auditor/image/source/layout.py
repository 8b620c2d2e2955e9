"""An OCI layout, wherever its files are (OCI image-spec, image-layout.md)."""

from functools import partial
from typing import BinaryIO, Protocol

from auditor.budget import Limits
from auditor.errors import CorruptImage, UnsupportedFormat
from auditor.image.document import DIGEST, parse_object
from auditor.image.manifest import Descriptor, Manifests, descriptors, is_attestation
from auditor.image.source.interface import Listing

_REF_NAME = "org.opencontainers.image.ref.name"
_FULL_NAME = "io.containerd.image.name"


class Store(Protocol):
    """Named files: an archive's members or a directory's."""

    @property
    def where(self) -> str:
        """What errors call it."""

    @property
    def counted(self) -> bool:
        """Whether the budget knows of the files' bytes already."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a file that must be there and no longer than `limit`."""

    def open(self, name: str) -> BinaryIO:
        """A file that must be there, to be read from its beginning."""

    def close(self) -> None:
        """Give it back."""


class Layout:
    """The images of index.json, as a `Source`; blobs by digest for the manifests below it."""

    def __init__(self, store: Store, limits: Limits, name: str) -> None:
        self._store = store
        self._limits = limits
        self.name = name
        self._entries: tuple[Descriptor, ...] | None = None

    def empty(self) -> bool:
        """Whether the index lists nothing."""
        return not self._index()

    def images(self) -> tuple[Listing, ...]:
        """One for each named entry of the index; entries without name that differ in platform are one image."""
        groups: dict[str, list[Descriptor]] = {}
        for number, entry in enumerate(self._index()):
            if is_attestation(entry):
                continue
            name = entry.annotation(_REF_NAME)
            key = entry.annotation(_FULL_NAME) or name or ("" if entry.platform is not None else f"#{number}")
            groups.setdefault(key, []).append(entry)
        if not groups:
            raise CorruptImage("lists no image", f"{self._store.where}, index.json", "write the layout again")
        manifests = Manifests(self, self._limits, self._store.where, counted=self._store.counted)
        return tuple(listing for group in groups.values() for listing in self._listings(group, manifests))

    def _listings(self, group: list[Descriptor], manifests: Manifests) -> list[Listing]:
        platforms = {entry.platform for entry in group}
        one = len(group) == 1 or (None not in platforms and len(platforms) == len(group))
        images = [group] if one else [[entry] for entry in group]
        return [
            Listing(
                _names(image[0]),
                image[0].digest if len(image) == 1 else None,
                partial(manifests.candidates, tuple(image)),
                partial(manifests.absent, tuple(image)),
            )
            for image in images
        ]

    def _index(self) -> tuple[Descriptor, ...]:
        if self._entries is None:
            where = f"{self._store.where}, index.json"
            limit = self._limits.json
            if self._store.has("oci-layout"):
                layout = parse_object(self._store.read("oci-layout", limit), f"{self._store.where}, oci-layout", limit)
                if not layout.text("imageLayoutVersion").startswith("1."):
                    raise UnsupportedFormat("an OCI layout of another version than 1", layout.where, "write it again")
            self._entries = descriptors(parse_object(self._store.read("index.json", limit), where, limit), "manifests")
        return self._entries

    # As a store of blobs

    def has_blob(self, digest: str) -> bool:
        """Whether the blob is in the layout."""
        return self._store.has(_path(digest))

    def read_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A manifest's or config's bytes, not yet checked."""
        return self._store.read(_path(descriptor.digest), limit)

    read_manifest = read_blob

    def open_blob(self, descriptor: Descriptor) -> BinaryIO:
        """A layer's bytes, not yet checked."""
        return self._store.open(_path(descriptor.digest))

    def close(self) -> None:
        """Close what holds the files."""
        self._store.close()


def _path(digest: str) -> str:
    assert DIGEST.fullmatch(digest)
    return f"blobs/{digest.replace(':', '/')}"


def _names(entry: Descriptor) -> tuple[str, ...]:
    names = (entry.annotation(_FULL_NAME), entry.annotation(_REF_NAME))
    return tuple(dict.fromkeys(name for name in names if name))
