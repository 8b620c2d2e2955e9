"""Images as an audit reads them: `auditor.image.load` and `load_index` with what the audit keeps of each layer."""

from contextlib import AbstractContextManager

from auditor import events, image
from auditor.budget import DEFAULT, Limits
from auditor.image import Access, Image, Index, Opened, Platform, Reference, SharedLayers
from auditor.image.source.interface import ANONYMOUS
from auditor.kept import Keep
from auditor.spec import Spec


def load(
    reference: Reference | str,
    *,
    spec: Spec | None = None,
    keep: Keep | None = None,
    platform: Platform | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    shared: SharedLayers | None = None,
) -> AbstractContextManager[Image]:
    """As `auditor.image.load`. A `spec` with rows about digests of files, or about versions of Python or Node packages,
    is to be given here too: else those are unknown, since their files are not kept. `keep` takes the
    place of all that an audit would keep."""
    return image.load(
        reference,
        keep=keep or _keep(spec),
        platform=platform,
        limits=limits,
        listener=listener,
        access=access,
        shared=shared,
    )


def open_image(
    reference: Reference | str,
    spec: Spec,
    *,
    platform: Platform | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    shared: SharedLayers | None = None,
) -> AbstractContextManager[Opened]:
    """The image found, and not read before somebody asks for it."""
    return image.open_image(
        reference, keep=_keep(spec), platform=platform, limits=limits, listener=listener, access=access, shared=shared
    )


def load_index(
    reference: Reference | str,
    *,
    spec: Spec | None = None,
    keep: Keep | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    available: bool = False,
    shared: SharedLayers | None = None,
) -> AbstractContextManager[Index]:
    """The same for all platforms, as `auditor.image.load_index`."""
    return image.load_index(
        reference,
        keep=keep or _keep(spec),
        limits=limits,
        listener=listener,
        access=access,
        available=available,
        shared=shared,
    )


def _keep(spec: Spec | None) -> Keep:
    # What reads images has no need of the rules; and an image that is remembered is not read.
    if spec is None:
        from auditor.inventory.keep import keep  # noqa: PLC0415

        return keep
    from auditor.auditing.wanted import keep_for  # noqa: PLC0415

    return keep_for(spec)
