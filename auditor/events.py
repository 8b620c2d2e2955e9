"""Progress as values: what happens while an image is read. The command line may draw them, a library may ignore them.

A listener is called from the thread that does the work, also from several at once, and should return quickly.
"""

from collections.abc import Callable

from msgspec import Struct


class SourceTried(Struct, frozen=True):
    """A source that was asked and did not have the image, or could not be reached; the next one is asked."""

    source: str
    reason: str


class SourceChosen(Struct, frozen=True):
    """The source that answered. `digest` is the manifest's (or index's) as it names it, None where it has none."""

    source: str
    reference: str
    digest: str | None


class Retried(Struct, frozen=True):
    """A request that failed and is made again after `delay` seconds."""

    where: str
    reason: str
    delay: float


class Remarked(Struct, frozen=True):
    """Something is odd about an image, and no reason not to read it."""

    where: str
    what: str


class Waiting(Struct, frozen=True):
    """Something outside, which may want a person to do something, has not answered for some seconds."""

    who: str
    what: str


class SourcePassedOver(Struct, frozen=True):
    """A source that may not be asked, though it might have the image; `taken` is what is audited instead of its."""

    source: str
    reason: str
    taken: str


class ImageSpooled(Struct, frozen=True):
    """Bytes of an image that came so far from a source that can only send it whole (a daemon's `save`)."""

    source: str
    received: int


class ImageStarted(Struct, frozen=True):
    """One platform's image is about to be read: `linux/amd64`."""

    platform: str


class ImageRead(Struct, frozen=True):
    """Every layer of it was read and merged; what comes now is looking at it."""

    platform: str


class LayerStarted(Struct, frozen=True):
    """A layer's bytes are about to be read. `size` is that of the stored form in bytes, None where unknown."""

    index: int
    count: int
    name: str
    size: int | None


class LayerAdvanced(Struct, frozen=True):
    """`read` bytes of the stored form have been read so far."""

    index: int
    read: int


class LayerFinished(Struct, frozen=True):
    """A layer was read to its end and is what its digests say. `reused`: it had been read before in this run."""

    index: int
    read: int
    reused: bool = False


Event = (
    SourceTried
    | SourceChosen
    | SourcePassedOver
    | Retried
    | Remarked
    | Waiting
    | ImageSpooled
    | ImageStarted
    | ImageRead
    | LayerStarted
    | LayerAdvanced
    | LayerFinished
)
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that listens to nothing."""
    del event
