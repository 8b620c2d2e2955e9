"""What an earlier run found out about an image, taken instead of reading the image again.

An entry stands for bytes that were really read: it is found by the config's bytes, what the manifest says of the
layers, what is looked for, and all that an inventory depends on beside (which platforms an index offers, the limits,
the code); and it is taken only where the layers, hashed anew, are those that it was made from. A diff id is a claim of
the config: it stands in the entry's name by the config's bytes, and was held to the layers when the entry was made.
An image that can't be read or passes a limit leaves no entry: it fails each time in the same way.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from auditor.auditing.facts import Facts, Looked, read_and_look
from auditor.auditing.wanted import wanted_by
from auditor.cache import Cache
from auditor.image import Layer, Opened
from auditor.image.again import holds
from auditor.image.model import Hashed
from auditor.inventory.model import Inventory
from auditor.report.model import ReportImage
from auditor.spec import Spec


class Entry(Struct, frozen=True):
    """What is kept: the stored layers that were read, and what was found. `remarks` are about the tree they make."""

    layers: tuple[Hashed, ...]
    remarks: tuple[str, ...]
    inventory: Inventory


def facts_of(found: Opened, spec: Spec, cache: Cache | None) -> Facts:
    """What is known of an image that is to be judged by `spec`. A directory has no bytes to know it by."""
    return read_and_look(found) if cache is None or found.unpacked else Remembering(found, spec, cache)


class Remembering:
    """An image that is read only where something is asked of it that isn't known."""

    def __init__(self, found: Opened, spec: Spec, cache: Cache) -> None:
        self._found = found
        self._spec = spec
        self._cache = cache
        self._looked: Looked | None = None
        self._entry: Entry | None = None  # what was taken first; its layers were hashed here

    def inventory(self, spec: Spec) -> Inventory:
        """As it was found before, else found now."""
        if self._looked is None:
            if (entry := self._known(spec)) is not None:
                self._entry = self._entry or entry
                return entry.inventory
            self._looked = read_and_look(self._found)
            if spec is not self._spec:
                self._looked.inventory(self._spec)  # first, as where nothing is known: readers remember what they read
        inventory = self._looked.inventory(spec)
        entry = Entry(self._looked.hashed, self._looked.remarks(inventory), inventory)
        self._found.check()
        self._cache.put(self._key(spec), encode(entry))
        return inventory

    def image(self, inventory: Inventory) -> ReportImage:
        """As it was found: what is read of it now, and of its tree what is known."""
        if self._looked is not None or self._entry is None:
            assert self._looked is not None
            return self._looked.image(inventory)
        found, parsed = self._found, self._found.parse()
        layers = zip(found.layers, self._entry.layers, parsed.diff_ids, parsed.created_by, strict=True)
        return ReportImage(
            reference=found.reference,
            source=found.source,
            digest=found.digest,
            config_digest=found.config_digest,
            platform=parsed.config.platform,
            layers=tuple(
                Layer(index, layer.digest, diff_id, layer.media_type, hashed.size, command)
                for index, (layer, hashed, diff_id, command) in enumerate(layers)
            ),
            remarks=(*found.remarks, *self._entry.remarks),
        )

    def _known(self, spec: Spec) -> Entry | None:
        """The entry, where the layers are its own."""
        self._found.parse()  # what is wrong with the config is said first, warm and cold
        data = self._cache.get(self._key(spec))
        entry = None if data is None else decode(data)
        if entry is None:
            return None
        same = self._entry.layers == entry.layers if self._entry else holds(self._found, entry.layers)
        return entry if same else None

    def _key(self, spec: Spec) -> str:
        """All that an inventory depends on. What is kept of each layer depends on the spec that it is read for."""
        found = self._found
        layers = [(layer.media_type, layer.digest, layer.size) for layer in found.layers]
        config = (hashlib.sha256(found.config_bytes).hexdigest(), found.config_digest)
        sought = (wanted_by(self._spec), wanted_by(spec))
        parts = (config, layers, found.offered_as, found.offered, found.allowed, sought)
        return hashlib.sha256(json.dumps(plain(parts)).encode()).hexdigest()


def encode(entry: Entry) -> bytes:
    """As JSON, which keeps a path that is no valid Unicode as it is, and is data whoever wrote it."""
    return json.dumps(msgspec.to_builtins(entry), separators=(",", ":")).encode()


def decode(data: bytes) -> Entry | None:
    """The entry back; None where it is none."""
    try:
        return msgspec.convert(json.loads(data), Entry)
    except (ValueError, RecursionError):  # msgspec.ValidationError is a ValueError
        return None


def plain(value: Any) -> Any:
    """A frozen value in JSON's own types: equal for equal values, in every process."""
    if isinstance(value, Mapping):
        return [[plain(key), plain(entry)] for key, entry in value.items()]
    if isinstance(value, frozenset):
        return sorted(plain(entry) for entry in value)
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    if isinstance(value, re.Pattern):
        pattern = value.pattern
        return [pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern, value.flags]
    if isinstance(value, Struct):
        return [[name, plain(getattr(value, name))] for name in value.__struct_fields__]
    return value
