"""What every source of images offers: the images it has, their platforms, and each one's stored bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct

from auditor import events
from auditor.budget import Budget, Limits
from auditor.filetree import FileTree
from auditor.image.model import Platform
from auditor.image.shared import SharedLayers
from auditor.kept import Keep


class Access(Struct, frozen=True):
    """How a registry may be reached. `authfile` and `ca` are files; None stands for the usual places."""

    authfile: Path | None = None
    ca: Path | None = None
    plain_http: bool = False


ANONYMOUS = Access()


class Options(Struct, frozen=True):
    """What a source may need to know beside the reference."""

    keep: Keep
    budget: Budget
    listener: events.Listener = events.ignore
    platform: Platform | None = None  # a daemon that holds several saves only this one
    access: Access = ANONYMOUS
    all_platforms: bool = False
    shared: SharedLayers | None = None  # layers that other images have too

    @property
    def limits(self) -> Limits:
        """The limits of the budget."""
        return self.budget.limits


class StoredLayer(Struct, frozen=True):
    """A layer as it is stored. `digest` and `size` (bytes) are claims, checked while it is read; None where not made.

    `key` tells layers with the same bytes apart from others within one source; `where` names it in errors. `counted`:
    the budget knows of these stored bytes already, as of a part of an archive. `fetched`: they come over a network, by
    their digest.
    """

    key: str
    where: str
    media_type: str
    digest: str | None
    size: int | None
    open: Callable[[], BinaryIO]
    counted: bool = False
    fetched: bool = False


class StoredImage(Struct, frozen=True):
    """One image of one platform: verified config bytes, and the layers from the lowest up.

    `digest` is that of the manifest, None where there is none. `root` is set instead of layers where the source
    holds a file system that is already unpacked; `config` may then be empty.
    """

    digest: str | None
    config: bytes
    config_digest: str | None
    config_where: str
    layers: tuple[StoredLayer, ...]
    root: FileTree | None = None
    remarks: tuple[str, ...] = ()  # what is odd about how it is stored, and no reason not to read it


class Candidate(Struct, frozen=True):
    """One platform's image. `platform` is what an index claims, None where only the config says it."""

    platform: Platform | None
    digest: str | None
    read: Callable[[], StoredImage]


class Listing(Struct, frozen=True):
    """One image that a user can name. `digest` is that of its index or manifest.

    `absent` gives the platforms that its index names and whose manifests aren't stored.
    """

    names: tuple[str, ...]
    digest: str | None
    candidates: Callable[[], tuple[Candidate, ...]]
    absent: Callable[[], tuple[Platform, ...]] = tuple


class Source(Protocol):
    """An opened place that holds images. Layers may be opened from several threads."""

    @property
    def name(self) -> str:
        """The scheme that pins this source, as reports give it."""

    def images(self) -> tuple[Listing, ...]:
        """The images that the reference may mean."""

    def close(self) -> None:
        """Give files, connections and disk back."""
