"""What an image is, told by its manifest before any layer is read: which names are one image, which share layers."""

import os
from contextlib import closing

from msgspec.structs import replace

from auditor import events
from auditor.budget import Budget
from auditor.errors import ImageNotFound, SourceUnavailable
from auditor.image import Reference, Scheme
from auditor.image.choose import choose, choose_platform, every_platform
from auditor.image.config import parse_config
from auditor.image.source import docker_endpoint, open_source
from auditor.image.source.interface import Options, StoredImage
from auditor.kept import policy
from auditor.sweep.job import Job, Order

# These hand an image over whole, or are one: what it is shows when it is read.
_WHOLE = (Scheme.DOCKER, Scheme.PODMAN, Scheme.DIR, Scheme.REPORT)


def look(reference: Reference, order: Order) -> Job:
    """The image as a job; AuditError where it isn't there, as its audit would say.

    A name at a registry is pinned to the digest that it has now: what is audited later is what was seen here.
    """
    if reference.scheme is Scheme.NAME:
        if not order.all_platforms and _has_daemon():
            return Job((reference,))
        reference = replace(reference, scheme=Scheme.REGISTRY)
    if reference.scheme in _WHOLE:
        return Job((reference,))
    way = order.way
    options = Options(
        policy(()), Budget(way.limits), events.ignore, way.platform, way.access, all_platforms=order.all_platforms
    )
    with closing(open_source(reference, options)) as source:
        listing = choose(source.images(), reference)
        if order.all_platforms:
            chosen = every_platform(listing, reference)
        else:
            chosen = (choose_platform(listing.candidates(), way.platform, reference),)
        stored = chosen[0].read()
        taken = tuple(one.digest or _digest(one.read()) for one in chosen)
    # How layers are packed differs from source to source; what is in them has one digest everywhere.
    layers = parse_config(stored.config, stored.config_where, len(stored.layers), way.limits).diff_ids
    if reference.scheme is Scheme.REGISTRY and reference.name and listing.digest:
        reference = replace(reference, name=replace(reference.name, digest=listing.digest))
    return Job((reference,), listing.digest or stored.config_digest, layers, taken)


def place_of(reference: Reference) -> str:
    """Where an identity holds: in one repository, or one file. What another lacks of an image shows only there."""
    name = reference.name
    return f"{reference.scheme.value}:{f'{name.host}/{name.repository}' if name else reference.path}"


def _digest(stored: StoredImage) -> str:
    return stored.digest or stored.config_digest or ""


def _has_daemon() -> bool:
    """Whether a Docker daemon may have what a bare name means."""
    try:
        docker_endpoint.find(os.environ)
    except (ImageNotFound, SourceUnavailable):
        return False
    return True
