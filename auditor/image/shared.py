"""Layers that were read, kept for the next images that are made of them too: by this process, and where there is a
shelf also by the next.

A layer is taken from here only where its stored bytes are the very ones that were read: what lies on this machine is
hashed again, what a registry gives out is named by its digest, and what the image claims of them must hold as well. It
draws from the limits what reading it would draw; where that doesn't fit it is read, and fails as it would alone.
"""

import contextlib
import gc
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from auditor.budget import GIB, Budget
from auditor.kept import Keep, NamedKeep

if TYPE_CHECKING:  # where all is remembered, no layer is read
    from auditor.image.kept_layer import Held
    from auditor.image.layer import Expected, LayerContents
    from auditor.image.spool import Readable

_LAYERS = 64  # each has a file open
_ENTRIES = 400_000  # of all of them, about 100 MiB
_KEPT = GIB  # bytes on disk
_SHELVED = GIB // 4  # bytes of one layer's contents; a shelf takes no more


class Shelf(Protocol):
    """Where bytes are kept between runs, by key; it gives back what was put there by the same code, or nothing."""

    def open(self, key: str) -> "Held | None":
        """What was kept, whole."""

    def keep(self, key: str, pieces: Iterable[bytes]) -> None:
        """Keep it, if that can be done."""


class _Read(Struct, frozen=True):
    """A layer, and for what it was read: another policy keeps other contents, another limit takes other paths."""

    contents: "LayerContents"
    spool: "Readable"
    keep: Keep
    path: int


class SharedLayers:
    """The layers that were used last, as many as fit. May be asked by several threads.

    A layer's contents stay on disk until it is given up here and no image has it any more.
    """

    def __init__(
        self, shelf: Shelf | None = None, *, layers: int = _LAYERS, entries: int = _ENTRIES, kept: int = _KEPT
    ) -> None:
        self._lock = threading.Lock()
        self._shelf = shelf
        self._limits = (layers, entries, kept)
        self._opened = 0
        self._known: dict[str, _Read] = {}  # by the digest of the stored bytes; what was used last comes last

    def like(self, expected: "Expected", keep: Keep, budget: Budget) -> Iterator["LayerContents"]:
        """The layers that this one may be, by what is claimed of it; nothing of it was read yet."""
        with self._lock:
            known = tuple(self._known.values())
        for read in known:
            contents = read.contents
            fits = read.keep is keep and read.path == budget.limits.path and _may_be(contents, expected)
            if fits and (contents.in_place is None or not contents.in_place.has_changed()):
                yield contents
        shelved = self._on_shelf(expected, keep, budget)
        if shelved is not None:
            yield shelved

    def take(self, contents: "LayerContents", expected: "Expected", budget: Budget) -> bool:
        """Account for a layer whose bytes are those; False where the limits don't allow for it."""
        drawn = (
            (budget.uncompressed, contents.uncompressed),
            (budget.entries, len(contents.entries)),
            (budget.names, contents.names),
            (budget.kept, contents.kept),
        )
        if any(count > allowance.left for allowance, count in drawn):
            return False
        for allowance, count in drawn:
            allowance.take(count, expected.where)
        with self._lock:
            read = self._known.pop(contents.digest, None)
            if read is not None:
                self._known[contents.digest] = read
        return True

    def add(
        self,
        contents: "LayerContents",
        expected: "Expected",
        spool: "Readable",
        keep: Keep,
        budget: Budget,
        *,
        fetched: bool,
    ) -> None:
        """Remember a layer that was read; what was used longest ago goes where it doesn't fit. What need neither be
        fetched nor decompressed again is not worth a place on the shelf.
        """
        self._remember(contents, spool, keep, budget)
        key = _key(expected, keep, budget)
        worth = fetched or contents.digest != contents.diff_id
        fits = contents.kept < _SHELVED and len(contents.entries) <= _ENTRIES
        if self._shelf is not None and key and worth and fits:
            from auditor.image.kept_layer import packed  # noqa: PLC0415 - only where something is kept between runs

            with contextlib.suppress(OverflowError):  # an owner or size past 64 bits: that layer is read each time
                self._shelf.keep(key, packed(contents))

    def _remember(self, contents: "LayerContents", spool: "Readable", keep: Keep, budget: Budget) -> None:
        with self._lock:
            self._known.pop(contents.digest, None)
            self._known[contents.digest] = _Read(contents, spool, keep, budget.limits.path)
            while self._known and any(used > limit for used, limit in zip(self._used(), self._limits, strict=True)):
                del self._known[next(iter(self._known))]
            self._opened += 1
            collect = self._opened % max(1, self._limits[0]) == 0
        if collect:
            gc.collect()  # what an image leaves are cycles, and each of its layers has a file open

    def _on_shelf(self, expected: "Expected", keep: Keep, budget: Budget) -> "LayerContents | None":
        key = _key(expected, keep, budget)
        held = self._shelf.open(key) if self._shelf is not None and key else None
        if held is None:
            return None
        from auditor.image.kept_layer import unpacked  # noqa: PLC0415 - as above

        contents = unpacked(held)
        if contents is None or not _may_be(contents, expected):
            return None
        self._remember(contents, held, keep, budget)
        return contents

    def _used(self) -> tuple[int, int, int]:
        known = self._known.values()
        files = {read.contents.in_place for read in known}
        unlinked = sum(file.size for file in files if file is not None and file.unlinked)
        return (
            len(known),
            sum(len(read.contents.entries) for read in known),
            sum(read.contents.kept for read in known) + unlinked,
        )


def _may_be(contents: "LayerContents", expected: "Expected") -> bool:
    """Whether all that is claimed of a layer is true of this one."""
    return (
        contents.diff_id == expected.diff_id
        and expected.digest in (None, contents.digest)
        and expected.size in (None, contents.size)
        and contents.digest.startswith(f"{expected.algorithm}:")
    )


def _key(expected: "Expected", keep: Keep, budget: Budget) -> str:
    """What a layer is found by in another run; "" where it can't be named."""
    if not (expected.digest and expected.diff_id and isinstance(keep, NamedKeep)):
        return ""
    return f"{expected.digest} {expected.diff_id} {expected.algorithm} {budget.limits.path} {keep.name}"
