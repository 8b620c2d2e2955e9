"""Whether the layers of an image that was found are the bytes that an earlier run read."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor import events
from auditor.errors import AuditError
from auditor.image.model import Hashed
from auditor.image.source.interface import StoredLayer

if TYPE_CHECKING:
    from auditor.image.opened import Opened

_CHUNK = 256 << 10


def holds(found: "Opened", before: Sequence[Hashed]) -> bool:
    """Whether its stored layers are those, from the lowest up.

    All that lies on this machine is hashed; a registry gives a layer out by its digest, which is compared. What can't
    be read is not the same: reading the image says what is wrong with it.
    """
    if len(before) != len(found.layers):
        return False
    same: dict[str, Hashed] = {}
    for index, (layer, known) in enumerate(zip(found.layers, before, strict=True)):
        if layer.size not in (None, known.size) or layer.digest not in (None, known.digest):
            return False
        if layer.fetched:
            if layer.digest is None:
                return False
        elif layer.key not in same:
            if not is_stored(layer, known, found.listener, index, len(found.layers)):
                return False
            same[layer.key] = known
        elif same[layer.key] != known:
            return False
    return True


def is_stored(layer: StoredLayer, known: Hashed, listener: events.Listener, index: int, count: int) -> bool:
    """Whether the bytes of one layer, number `index` of `count`, have that digest and length."""
    listener(events.LayerStarted(index, count, known.digest, known.size))
    algorithm, _, digits = known.digest.partition(":")
    if algorithm not in ("sha256", "sha512"):
        return False
    digest = hashlib.new(algorithm, usedforsecurity=False)
    read = 0
    try:
        with layer.open() as file:
            while read <= known.size and (data := file.read(_CHUNK)):
                digest.update(data)
                read += len(data)
                listener(events.LayerAdvanced(index, read))
    except (AuditError, OSError):
        return False
    listener(events.LayerFinished(index, read))
    return read == known.size and digest.hexdigest() == digits
