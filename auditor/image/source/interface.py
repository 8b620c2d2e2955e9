"""What every source of images offers: the images it has, their platforms, and each one's stored bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from auditor import events
from auditor.budget import Budget, Limits
from auditor.filetree import FileTree
from auditor.image.model import Platform
from auditor.kept import Keep


@dataclass(frozen=True, slots=True)
class Access:
    """How a registry may be reached. `authfile` and `ca` are files; None stands for the usual places."""

    authfile: Path | None = None
    ca: Path | None = None
    plain_http: bool = False


ANONYMOUS = Access()


@dataclass(frozen=True, slots=True)
class Options:
    """What a source may need to know beside the reference."""

    keep: Keep
    budget: Budget
    listener: events.Listener = events.ignore
    platform: Platform | None = None  # a daemon that holds several saves only this one
    access: Access = ANONYMOUS
    all_platforms: bool = False

    @property
    def limits(self) -> Limits:
        """The limits of the budget."""
        return self.budget.limits


@dataclass(frozen=True, slots=True)
class StoredLayer:
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


@dataclass(frozen=True, slots=True)
class StoredImage:
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """One platform's image. `platform` is what an index claims, None where only the config says it."""

    platform: Platform | None
    digest: str | None
    read: Callable[[], StoredImage]


@dataclass(frozen=True, slots=True)
class Listing:
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
