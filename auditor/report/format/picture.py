"""The picture of a closure: plain numbers and words that the page's template spells as SVG."""

import posixpath

from msgspec import Struct

from auditor.report.format.layered import Spot, layered
from auditor.report.graph import Graph
from auditor.report.words import printable

LARGEST = 150  # nodes; what is larger is told as a tree only
_MOST_EDGES = 800
_HEIGHT, _GAP, _BETWEEN, _MARGIN = 38.0, 12.0, 64.0, 8.0
_CHARACTER, _SMALL = 7.3, 6.4  # pixels of one of a monospaced name, and of the note below it
_NARROWEST, _LONGEST = 90.0, 36  # pixels of a box, and characters that are shown


class Box(Struct, frozen=True):
    """A node as drawn. `told` says it in a sentence, `left` and `top` are its corner's."""

    left: float
    top: float
    width: float
    label: str
    note: str
    told: str
    kind: str


class Line(Struct, frozen=True):
    """An edge as drawn: `path` is an SVG path, `start` and `end` are indexes of boxes."""

    start: int
    end: int
    path: str
    kind: str


class Picture(Struct, frozen=True):
    """All of it, in pixels."""

    width: float
    height: float
    box_height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def picture_of(graph: Graph) -> Picture | None:
    """The graph as a picture; None where it is too large to be looked at."""
    if len(graph.nodes) > LARGEST or len(graph.edges) > _MOST_EDGES:
        return None
    edges = tuple(edge for edge in graph.edges if edge[0] != edge[1])
    found = layered(len(graph.nodes), edges, _HEIGHT, _GAP)
    # The program by its whole path, others by their name alone: where they lie is told when one is chosen.
    names = [
        node.name if at == 0 else posixpath.basename(node.name) or node.name for at, node in enumerate(graph.nodes)
    ]
    labels = [_shortened(printable(name)) for name in names]
    notes = [_shortened(node.note) for node in graph.nodes]
    widths = [
        max(_NARROWEST, len(label) * _CHARACTER + 16, len(note) * _SMALL + 16)
        for label, note in zip(labels, notes, strict=True)
    ]
    lefts = _lefts(found.spots, widths)
    boxes = tuple(
        Box(
            lefts[spot.column],
            round(spot.middle - _HEIGHT / 2 + _MARGIN, 1),
            round(width, 1),
            label,
            note,
            ", ".join(filter(None, (node.name, node.note, node.place))),
            node.kind,
        )
        for node, label, note, width, spot in zip(graph.nodes, labels, notes, widths, found.spots, strict=True)
    )
    lines = tuple(
        Line(start, end, _path(way, boxes[start], boxes[end], lefts), graph.nodes[end].kind)
        for (start, end), way in found.ways.items()
    )
    right = max((box.left + box.width for box in boxes), default=0.0)
    return Picture(round(right + _MARGIN, 1), round(found.height + 2 * _MARGIN, 1), _HEIGHT, boxes, lines)


def _lefts(spots: tuple[Spot, ...], widths: list[float]) -> list[float]:
    """Where each column begins, and after them where the next would."""
    widest = [0.0] * (max((spot.column for spot in spots), default=-1) + 1)
    for spot, width in zip(spots, widths, strict=True):
        widest[spot.column] = max(widest[spot.column], width)
    lefts = [_MARGIN]
    for width in widest:
        lefts.append(round(lefts[-1] + width + _BETWEEN, 1))
    return lefts


def _path(way: tuple[Spot, ...], start: Box, end: Box, lefts: list[float]) -> str:
    """From the right of the left one to the left of the right one, straight through the columns between."""
    if way[0].column > way[-1].column:  # it closes a cycle
        return _path(way[::-1], end, start, lefts)
    x, y = start.left + start.width, start.top + _HEIGHT / 2
    path = [f"M{x:g} {y:g}"]
    for spot in way[1:-1]:
        height = spot.middle + _MARGIN
        path.append(_curve(x, y, lefts[spot.column], height))
        x, y = lefts[spot.column + 1] - _BETWEEN, height
        path.append(f"H{x:g}")
    path.append(_curve(x, y, end.left, end.top + _HEIGHT / 2))
    return "".join(path)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (x + to_x) / 2
    return f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST // 2]}…{label[-_LONGEST // 2 + 1 :]}"
