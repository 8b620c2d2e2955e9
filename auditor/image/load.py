"""From a reference to an image: the source opened, one image and platform chosen, its layers read and merged."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from auditor import events
from auditor.budget import DEFAULT, Budget, Limits
from auditor.errors import ImageNotFound
from auditor.image.choose import choose, choose_platform, every_platform
from auditor.image.config import parse_config
from auditor.image.model import Image, Platform
from auditor.image.opened import Index, Opened, Opening
from auditor.image.reference import Reference, parse
from auditor.image.shared import SharedLayers
from auditor.image.source import open_source
from auditor.image.source.interface import ANONYMOUS, Access, Options, StoredImage
from auditor.kept import Keep


@contextmanager
def open_image(
    reference: Reference | str,
    *,
    keep: Keep,
    platform: Platform | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    shared: SharedLayers | None = None,
) -> Iterator[Opened]:
    """Find one image, to be read until the block ends or not at all. Raises AuditError only.

    `platform` chooses one of an index; without it this machine's is taken, else the only one. `access` is for
    registries. `shared` are the layers of images that were read before.
    """
    if isinstance(reference, str):
        reference = parse(reference)
    options = Options(keep, Budget(limits), listener, platform, access, shared=shared)
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_source(reference, options)))
        listing = choose(source.images(), reference)
        candidates = listing.candidates()
        candidate = choose_platform(candidates, platform, reference)
        listener(events.SourceChosen(source.name, reference.text, candidate.digest or listing.digest))
        stored = candidate.read()
        opening = Opening(stack, options, (stored,), reference.text, source.name)
        yield opening.found(candidate, stored, tuple(one.platform for one in candidates if one.platform is not None))


@contextmanager
def load(
    reference: Reference | str,
    *,
    keep: Keep,
    platform: Platform | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    shared: SharedLayers | None = None,
) -> Iterator[Image]:
    """Read one image, as `open_image` finds it; what `keep` asks for can be read until the block ends."""
    with open_image(
        reference, keep=keep, platform=platform, limits=limits, listener=listener, access=access, shared=shared
    ) as found:
        yield found.read()


@contextmanager
def load_index(
    reference: Reference | str,
    *,
    keep: Keep,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    available: bool = False,
    shared: SharedLayers | None = None,
) -> Iterator[Index]:
    """All platforms of an image, of one where it is no index; what `keep` asks for can be read until the block ends.

    ImageNotFound where the index names a platform that the source doesn't hold, unless those `available` will do.
    """
    if isinstance(reference, str):
        reference = parse(reference)
    options = Options(keep, Budget(limits), listener, None, access, all_platforms=True, shared=shared)
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_source(reference, options)))
        listing = choose(source.images(), reference)
        candidates = every_platform(listing, reference)
        absent = () if reference.digest else listing.absent()
        if absent and not available:
            raise ImageNotFound(
                f"names {', '.join(map(str, absent))} in its index and does not hold it",
                reference.text,
                "copy all platforms, choose one with --platform, or take what is there with --available-platforms",
            )
        listener(events.SourceChosen(source.name, reference.text, listing.digest))
        images = tuple(candidate.read() for candidate in candidates)
        opening = Opening(stack, options, images, reference.text, source.name)
        platforms = tuple(
            candidate.platform or _claimed(stored, limits) for candidate, stored in zip(candidates, images, strict=True)
        )
        digest = None if listing.digest == candidates[0].digest else listing.digest
        found = tuple(opening.found(one, stored, ()) for one, stored in zip(candidates, images, strict=True))
        yield Index(reference.text, source.name, digest, platforms, found, absent)


def _claimed(stored: StoredImage, limits: Limits) -> Platform:
    """The platform that a config gives."""
    if stored.root is not None and not stored.config:
        return Platform("linux", "")
    return parse_config(stored.config, stored.config_where, len(stored.layers), limits).config.platform
