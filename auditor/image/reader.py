"""From the layers of an image that was found to its tree: several read at a time, each verified, then merged."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from auditor import events
from auditor.budget import GIB
from auditor.errors import AuditError
from auditor.image.again import is_stored
from auditor.image.config import ParsedConfig
from auditor.image.in_place import FileInPlace, Place, place_of
from auditor.image.layer import Expected, LayerContents, Seen, check_media_type, read_layer
from auditor.image.merge import Merge
from auditor.image.model import Hashed, Image, Layer
from auditor.image.shared import SharedLayers
from auditor.image.source.interface import Options, StoredImage, StoredLayer
from auditor.image.spool import Spool
from auditor.image.tree import MergedTree

if TYPE_CHECKING:
    from auditor.image.opened import Opened

_FEW = 64  # layers of an image that is made of shared ones: each of those has a file open
_CORES = os.cpu_count() or 1
_THREADS = min(4, _CORES)  # layers that are read side by side
_HELD = GIB // 4  # bytes of a file without a name that layers are left in while other images may want them too
_STREAMS = 8  # layers that come over a network side by side: a round trip of one is waited for while others come


class LayerReader:
    """Reads layers, several at a time, and merges them into trees; those that `images` share are read once."""

    def __init__(self, spool: Spool, options: Options, images: Sequence[StoredImage]) -> None:
        self._spool = spool
        self._budget = options.budget
        self._listener = options.listener
        self._keep = options.keep
        self._uses = Counter(key for image in images for key in {layer.key for layer in image.layers})
        self._known: dict[tuple[str, str], LayerContents] = {}
        self._stopped = threading.Event()
        self._few = max((len(image.layers) for image in images), default=0) <= _FEW
        self._shared = options.shared if self._few else None
        self._in_place: set[FileInPlace] = set()

    def image(self, found: "Opened", stored: StoredImage, parsed: ParsedConfig, seen: Seen | None = None) -> Image:
        """The whole image; `seen` is told of the files of layers that are fetched."""
        self._listener(events.ImageStarted(str(parsed.config.platform)))
        layers, hashed, merge = self._layers(stored, parsed, seen)
        self._listener(events.ImageRead(str(parsed.config.platform)))
        return Image(
            found.reference,
            found.source,
            stored.digest,
            stored.config_digest,
            parsed.config,
            layers,
            MergedTree(merge.root, merge.removed, self._budget),
            found.offered_as,
            found.offered,
            remarks=stored.remarks,
            linked_whiteouts=tuple(merge.linked_whiteouts),
            budget=self._budget.fresh(),
            hashed=hashed,
        )

    def check(self) -> None:
        """AuditError where a file has changed that contents were left in."""
        for file in tuple(self._in_place):
            file.check()

    def close(self) -> None:
        """Contents can't be read from now on, but for those that other images may have too."""
        self._spool.close()
        if self._shared is None:
            for file in self._in_place:
                file.close()

    def _layers(
        self, stored: StoredImage, parsed: ParsedConfig, seen: Seen | None
    ) -> tuple[tuple[Layer, ...], tuple[Hashed, ...], Merge]:
        read = self._read_all(stored.layers, parsed.diff_ids, seen)
        merge = Merge(self._budget)
        layers, hashed = [], []
        for index, layer in enumerate(stored.layers):
            key = (layer.key, parsed.diff_ids[index])
            contents = read[key]
            merge.apply(index, contents.entries, layer.where)
            layers.append(
                Layer(
                    index,
                    layer.digest,
                    contents.diff_id,
                    layer.media_type,
                    contents.size,
                    parsed.created_by[index],
                )
            )
            hashed.append(Hashed(contents.digest, contents.size))
        for key, contents in read.items():
            self._uses[key[0]] -= 1
            if self._uses[key[0]] > 0:
                self._known[key] = contents
            else:
                self._known.pop(key, None)
        return tuple(layers), tuple(hashed), merge

    def _read_all(
        self, layers: tuple[StoredLayer, ...], diff_ids: tuple[str, ...], seen: Seen | None
    ) -> dict[tuple[str, str], LayerContents]:
        """Every layer's contents, each read once: decompressing and hashing leave the interpreter to others.

        The largest is begun first, so that none is alone at the end.
        """
        wanted: dict[tuple[str, str], Callable[[], LayerContents]] = {}
        sizes: dict[tuple[str, str], int] = {}
        for index, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True)):
            key = (layer.key, diff_id)
            if key in self._known or key in wanted:
                self._listener(events.LayerFinished(index, 0, reused=True))
            else:
                wanted[key] = partial(self._contents, index, layer, diff_id, len(layers), seen)
                sizes[key] = layer.size or 0
        if len(wanted) < 2:
            return {**self._known, **{key: read() for key, read in wanted.items()}}
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - brings logging along

        threads = _STREAMS if all(layer.fetched for layer in layers) else _THREADS
        with ThreadPoolExecutor(min(threads, len(wanted)), "layer") as pool:
            futures = {key: pool.submit(wanted[key]) for key in sorted(wanted, key=sizes.__getitem__, reverse=True)}
            try:
                return {**self._known, **{key: futures[key].result() for key in wanted}}
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _contents(self, index: int, layer: StoredLayer, diff_id: str, count: int, seen: Seen | None) -> LayerContents:
        expected = Expected(layer.where, layer.digest, layer.size, diff_id, layer.media_type)
        shared = self._shared and self._known_elsewhere(self._shared, index, layer, expected, count)
        if shared:
            return shared
        self._listener(events.LayerStarted(index, count, layer.digest or diff_id, layer.size))
        spool = self._spool if self._shared is None else Spool(self._budget.kept)
        with layer.open() as file:
            place = self._place(file, layer.where)
            contents = read_layer(
                file,
                expected,
                keep=self._keep,
                spool=spool,
                budget=self._budget,
                progress=partial(self._advance, index),
                place=place,
                seen=seen if layer.fetched else None,
                threaded=_CORES > 1 and count == 1 and not layer.fetched,
            )
        if place is not None:
            place.file.has_layer(place.offset, contents.size, contents.digest)
        self._note(contents)
        self._listener(events.LayerFinished(index, contents.size))
        if self._shared is not None:
            self._shared.add(contents, expected, spool, self._keep, self._budget, fetched=layer.fetched)
        return contents

    def _known_elsewhere(
        self, shared: SharedLayers, index: int, layer: StoredLayer, expected: Expected, count: int
    ) -> LayerContents | None:
        """What another image's reader came to, where its layer has the same bytes."""
        check_media_type(expected)
        for contents in shared.like(expected, self._keep, self._budget):
            if layer.fetched and layer.digest is not None:
                self._listener(events.LayerFinished(index, 0, reused=True))
            elif not is_stored(layer, Hashed(contents.digest, contents.size), self._listener, index, count):
                continue
            if not shared.take(contents, expected, self._budget):
                return None
            self._note(contents)
            return contents
        return None

    def _place(self, file: BinaryIO, where: str) -> Place | None:
        """Where a layer's contents may be left. What has no name takes up the disk for as long as they are there."""
        place = place_of(file, where, own=self._few)
        if place is None or (self._shared is not None and place.file.unlinked and place.file.size > _HELD):
            return None
        return place

    def _note(self, contents: LayerContents) -> None:
        if contents.in_place is not None:
            self._in_place.add(contents.in_place)

    def _advance(self, index: int, read: int) -> None:
        if self._stopped.is_set():
            raise AuditError("was given up, since another layer can't be read")
        self._listener(events.LayerAdvanced(index, read))
