"""Where the nodes of a directed graph stand: in columns, everyone to the left of what it needs.

The way of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981):
cycles are opened, each node gets a column, edges over several columns get a place in each (a `waypoint`), columns are
ordered so that few edges cross, and within the order each stands as near to its neighbours as it can.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

_SWEEPS = 8
Edge: TypeAlias = tuple[int, int]


class Spot(Struct, frozen=True):
    """A column, counted from 0, and the height of the middle in it."""

    column: int
    middle: float


class Layered(Struct, frozen=True):
    """A spot for each node, and for each edge those on its way from who needs to what is needed, both ends included."""

    spots: tuple[Spot, ...]
    ways: Mapping[Edge, tuple[Spot, ...]]
    height: float


def layered(count: int, edges: Sequence[Edge], height: float, gap: float) -> Layered:
    """The spots of nodes 0 to count - 1, each `height` high with a `gap` below; node 0 is where all begins."""
    forward = _opened(count, edges)
    columns = _columns(count, forward)
    chains, columns = _chains(forward, columns)
    pieces = [pair for chain in chains for pair in pairwise(chain)]
    order = _ordered(columns, pieces)
    room = [height + gap if node < count else gap * 2 for node in range(len(columns))]
    middles = _heights(order, pieces, room)
    top = min((middle - room[node] / 2 for node, middle in enumerate(middles)), default=0.0)
    spots = [Spot(column, round(middle - top, 1)) for column, middle in zip(columns, middles, strict=True)]
    ways: dict[Edge, tuple[Spot, ...]] = {}
    for edge, chain in zip(edges, chains, strict=True):
        way = tuple(spots[node] for node in chain)
        ways[edge] = way if chain[0] == edge[0] else way[::-1]
    bottom = max((spot.middle + room[node] / 2 for node, spot in enumerate(spots)), default=0.0)
    return Layered(tuple(spots[:count]), ways, bottom)


def _opened(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """The same edges, those that close a cycle turned round."""
    below: list[list[int]] = [[] for _ in range(count)]
    for start, end in edges:
        below[start].append(end)
    done, active, turned = set[int](), set[int](), set[Edge]()
    for root in range(count):
        stack = [(root, iter(below[root]))] if root not in done else []
        active.update(node for node, _ in stack)
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                active.discard(node)
                done.add(node)
            elif following in active:
                turned.add((node, following))
            elif following not in done:
                active.add(following)
                stack.append((following, iter(below[following])))
    return [edge[::-1] if edge in turned else edge for edge in edges]


def _columns(count: int, edges: Sequence[Edge]) -> list[int]:
    """One more than the rightmost of those that need it: the longest way from a root."""
    above = [0] * count
    below: list[list[int]] = [[] for _ in range(count)]
    for start, end in edges:
        if start != end:
            above[end] += 1
            below[start].append(end)
    columns = [0] * count
    ready = [node for node in range(count) if not above[node]]
    while ready:
        node = ready.pop()
        for end in below[node]:
            columns[end] = max(columns[end], columns[node] + 1)
            above[end] -= 1
            if not above[end]:
                ready.append(end)
    return columns


def _chains(edges: Sequence[Edge], columns: list[int]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Each edge as the nodes and waypoints on its way, and the columns with those of the waypoints after them."""
    columns = list(columns)
    chains = []
    for start, end in edges:
        between = range(columns[start] + 1, columns[end])
        first = len(columns)
        columns += between
        chains.append((start, *range(first, first + len(between)), end))
    return chains, columns


def _ordered(columns: Sequence[int], pieces: Sequence[Edge]) -> list[list[int]]:
    """The nodes of each column from top to bottom, by the mean place of their neighbours, from both sides in turn."""
    order: list[list[int]] = [[] for _ in range(max(columns, default=-1) + 1)]
    for node, column in enumerate(columns):
        order[column].append(node)
    left, right = _neighbours(len(columns), pieces)
    best, fewest = order, _crossings(order, right)
    for sweep in range(_SWEEPS):
        order = [list(column) for column in order]
        towards = left if sweep % 2 == 0 else right
        for nodes in order if sweep % 2 == 0 else reversed(order):
            place = {node: at for column in order for at, node in enumerate(column)}
            # A node without neighbours on that side keeps its place.
            wish = {node: _mean([place[other] for other in towards[node]] or [place[node]]) for node in nodes}
            nodes.sort(key=wish.__getitem__)
        crossings = _crossings(order, right)
        if crossings < fewest:
            best, fewest = order, crossings
    return best


def _crossings(order: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> int:
    place = {node: at for column in order for at, node in enumerate(column)}
    count = 0
    for column in order:
        ends = [end for node in column for end in sorted(place[other] for other in right[node])]
        count += sum(end < before for at, end in enumerate(ends) for before in ends[:at])
    return count


def _heights(order: Sequence[Sequence[int]], pieces: Sequence[Edge], room: Sequence[float]) -> list[float]:
    """The middle of each node: as near to the mean of its neighbours as the order of its column leaves room."""
    middles = [0.0] * len(room)
    for column in order:
        _place(column, [0.0] * len(column), room, middles)
    left, right = _neighbours(len(room), pieces)
    for sweep in range(_SWEEPS):
        for column in order if sweep % 2 == 0 else reversed(order):
            wanted = [
                _mean([middles[other] for other in (*left[node], *right[node])] or [middles[node]]) for node in column
            ]
            _place(column, wanted, room, middles)
    return middles


class _Block(Struct, frozen=True):
    """Nodes that stand close: how many, and where the first one's middle would be by the mean of their wishes."""

    count: int
    start: float


def _place(column: Sequence[int], wanted: Sequence[float], room: Sequence[float], middles: list[float]) -> None:
    """The least squares of moves that keep the order and the room of each (pool adjacent violators)."""
    offset, offsets = 0.0, []
    for at, node in enumerate(column):
        offset += (room[column[at - 1]] + room[node]) / 2 if at else 0.0
        offsets.append(offset)
    blocks: list[_Block] = []
    for wish, before in zip(wanted, offsets, strict=True):
        block = _Block(1, wish - before)
        while blocks and blocks[-1].start > block.start:
            upper = blocks.pop()
            count = upper.count + block.count
            block = replace(block, count=count, start=(upper.start * upper.count + block.start * block.count) / count)
        blocks.append(block)
    starts = (block.start for block in blocks for _ in range(block.count))
    for node, start, before in zip(column, starts, offsets, strict=True):
        middles[node] = start + before


def _neighbours(count: int, pieces: Iterable[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    left: list[list[int]] = [[] for _ in range(count)]
    right: list[list[int]] = [[] for _ in range(count)]
    for start, end in pieces:
        right[start].append(end)
        left[end].append(start)
    return left, right


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
