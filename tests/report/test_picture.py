"""The picture of a closure: its edges are the tree's, nothing lies on anything, all are left of what they need."""

import random
from itertools import combinations

import pytest

from auditor.report.format.layered import layered
from auditor.report.format.picture import LARGEST, Picture, picture_of
from auditor.report.graph import Graph, Node, graph_of
from auditor.report.page import Branch

LIBC = Branch("libc.so.6 => /lib/libc.so.6", "ld.so.cache", "", (Branch("ld.so => /lib/ld.so", "interpreter"),))
AGAIN = Branch(LIBC.text, "ld.so.cache, shown above")
TREE = Branch(
    "/sbin/ipset",
    branches=(
        Branch(
            "libipset.so.13 => /lib/libipset.so.13",
            "DT_RUNPATH",
            "",
            (Branch("libmnl.so.0", "not found", "missing"), LIBC),
        ),
        AGAIN,
    ),
)


def test_a_file_is_one_node_and_a_need_one_edge() -> None:
    graph = graph_of(TREE)
    names = [node.name for node in graph.nodes]
    assert names == ["/sbin/ipset", "libipset.so.13", "libmnl.so.0", "libc.so.6", "ld.so"]
    edges = {(names[start], names[end]) for start, end in graph.edges}
    assert edges == {
        ("/sbin/ipset", "libipset.so.13"),
        ("libipset.so.13", "libmnl.so.0"),
        ("libipset.so.13", "libc.so.6"),
        ("libc.so.6", "ld.so"),
        ("/sbin/ipset", "libc.so.6"),
    }
    assert graph.nodes[2] == Node("libmnl.so.0", "", "not found", "missing")
    assert graph.nodes[3].note == "ld.so.cache"


def drawn(count: int, edges: set[tuple[int, int]]) -> Picture:
    nodes = tuple(Node(f"lib{number}.so.{number}", "", "ld.so.cache", "") for number in range(count))
    picture = picture_of(Graph(nodes, tuple(sorted(edges))))
    assert picture is not None
    return picture


def made(seed: int, count: int, *, cycles: bool) -> set[tuple[int, int]]:
    """Everyone is needed by someone before, and needs some more; with cycles also some before."""
    pick = random.Random(seed)
    edges = {(pick.randrange(node), node) for node in range(1, count)}
    edges |= {tuple(sorted(pick.sample(range(count), 2))) for _ in range(count)}  # type: ignore[misc]
    return edges | ({(end, start) for start, end in sorted(edges)[:3]} if cycles else set())


@pytest.mark.parametrize("cycles", [False, True])
@pytest.mark.parametrize(("seed", "count"), [(1, 2), (2, 5), (3, 12), (4, 40), (5, 90)])
def test_nothing_lies_on_anything(seed: int, count: int, cycles: bool) -> None:
    edges = made(seed, count, cycles=cycles)
    picture = drawn(count, edges)
    assert picture == drawn(count, edges)
    assert {(line.start, line.end) for line in picture.lines} == edges
    for one, other in combinations(picture.boxes, 2):
        beside = one.left + one.width <= other.left or other.left + other.width <= one.left
        below = one.top + picture.box_height <= other.top or other.top + picture.box_height <= one.top
        assert beside or below
    for box in picture.boxes:
        assert 0 <= box.left <= box.left + box.width <= picture.width
        assert 0 <= box.top <= box.top + picture.box_height <= picture.height
    if not cycles:
        assert all(picture.boxes[line.start].left < picture.boxes[line.end].left for line in picture.lines)


def test_edges_pass_between_the_nodes_of_columns_on_their_way() -> None:
    found = layered(4, [(0, 1), (1, 2), (2, 3), (0, 3)], height=38, gap=12)
    assert [spot.column for spot in found.spots] == [0, 1, 2, 3]
    for spot in found.ways[0, 3][1:-1]:
        (there,) = (each for each in found.spots if each.column == spot.column)
        assert abs(there.middle - spot.middle) >= 38 / 2


def test_one_that_needs_itself_and_one_alone() -> None:
    picture = drawn(1, {(0, 0)})
    assert picture.lines == ()
    assert len(picture.boxes) == 1


def test_what_is_too_large_is_no_picture() -> None:
    nodes = tuple(Node(f"lib{number}.so", "", "", "") for number in range(LARGEST + 1))
    assert picture_of(Graph(nodes, ())) is None
