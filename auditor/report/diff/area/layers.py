"""Layers that both images have, that only one has, and their stored bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator

from auditor.image.model import Layer
from auditor.report.diff.model import Change, LayerSummary
from auditor.report.diff.pair import Pair, Side

_SHOWN_COMMAND = 90


def changes(pair: Pair) -> Iterator[Change]:
    """Layers that came and went; none where an image has no layers, as an unpacked directory."""
    if not pair.old.layer_ids or not pair.new.layer_ids:
        return
    _, removed, added = _split(pair)
    for layer in removed:
        yield Change("layer-removed", _id(layer), _told(layer), None, "neutral", "Not in the new image.")
    for layer in added:
        yield Change("layer-added", _id(layer), None, _told(layer), "neutral", "To be pulled: not in the old image.")
    common = [[known for known in side.layer_ids if known in other.layer_ids] for side, other in _both_ways(pair)]
    if common[0] != common[1] and not removed and not added:
        why = "A later layer has the last word, so the same layers can make another image."
        old, new = (" ".join(map(_short, ids)) for ids in common)
        yield Change("layer-order", "layers", old, new, "neutral", why)


def summary(pair: Pair) -> LayerSummary:
    """Counts and stored bytes. Stored bytes depend on the source: compressed in a registry, plain in an archive."""
    shared, removed, added = _split(pair)
    return LayerSummary(len(shared), len(removed), len(added), _bytes(shared), _bytes(removed), _bytes(added))


def _split(pair: Pair) -> tuple[list[Layer], list[Layer], list[Layer]]:
    """The new image's layers that the old has too, the old's own, the new's own. A layer may occur twice."""
    removed = _without(pair.old, Counter(pair.new.layer_ids))
    added = _without(pair.new, Counter(pair.old.layer_ids))
    own = {layer.index for layer in added}
    return [layer for layer in pair.new.report.image.layers if layer.index not in own], removed, added


def _without(side: Side, known: Counter[str | None]) -> list[Layer]:
    rest, found = known.copy(), []
    for layer, name in zip(side.report.image.layers, side.layer_ids, strict=True):
        if name is not None and rest[name] > 0:
            rest[name] -= 1
        else:
            found.append(layer)
    return found


def _both_ways(pair: Pair) -> tuple[tuple[Side, Side], tuple[Side, Side]]:
    return (pair.old, pair.new), (pair.new, pair.old)


def _bytes(layers: Iterable[Layer]) -> int | None:
    sizes = [layer.size for layer in layers]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _id(layer: Layer) -> str:
    return layer.diff_id or layer.digest or "unknown"


def _short(name: str | None) -> str:
    return (name or "unknown").rpartition(":")[2][:12]


def _told(layer: Layer) -> str:
    command = " ".join(layer.created_by.split())
    if len(command) > _SHOWN_COMMAND:
        command = command[: _SHOWN_COMMAND - 1] + "…"
    return command or f"layer {layer.index}"
