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


PLACES: dict[str, tuple[list[tuple[int, int]], str, float]] = {
    "one alone": ([], "0:6", 12),
    "in one line": ([(0, 1)], "0:6 1:6", 12),
    "in the middle of what it needs": ([(0, 1), (0, 2)], "0:12 1:6 1:18", 24),
    "in the middle of who needs it": ([(0, 1), (0, 2), (1, 3), (2, 3)], "0:12 1:6 1:18 2:12", 24),
    "beside an edge that passes by": ([(0, 1), (1, 2), (0, 2)], "0:10 1:6 2:10", 16),
    "a cycle is opened": ([(0, 1), (1, 2), (2, 1)], "0:6 1:6 2:6", 12),
    "one that needs itself": ([(0, 1), (1, 1)], "0:6 1:6", 12),
    "edges need not cross": ([(0, 1), (0, 2), (1, 4), (2, 3)], "0:12 1:6 1:18 2:18 2:6", 24),
    "two that nobody needs": ([(0, 2), (1, 2), (1, 3)], "0:6 0:18 1:9 1:21", 27),
    "as near as there is room": (
        [(0, 1), (0, 2), (0, 3), (3, 4), (1, 5), (2, 4)],
        "0:18 1:6 1:18 1:30 2:24 2:6",
        36,
    ),
    "several of each": (
        [(0, 1), (0, 2), (1, 6), (2, 5), (1, 4), (2, 3), (0, 6), (5, 6)],
        "0:24.5 1:13.8 1:25.8 2:22 2:6 2:34 3:29.6",
        44,
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_where_each_stands(case: str) -> None:
    """By column and height of the middle, each of ten with two below, and half as much for an edge that passes."""
    edges, places, height = PLACES[case]
    found = layered(len(places.split()), edges, 10, 2)
    assert " ".join(f"{spot.column}:{spot.middle:g}" for spot in found.spots) == places
    assert found.height == height
    assert {edge: (way[0], way[-1]) for edge, way in found.ways.items()} == {
        (start, end): (found.spots[start], found.spots[end]) for start, end in edges
    }


def test_an_edge_over_several_columns_has_a_place_in_each() -> None:
    edges, _, _ = PLACES["several of each"]
    ways = layered(7, edges, 10, 2).ways
    shown = {edge: [f"{spot.column}:{spot.middle:g}" for spot in way[1:-1]] for edge, way in ways.items()}
    assert {edge: way for edge, way in shown.items() if way} == {(1, 6): ["2:14"], (0, 6): ["1:33.8", "2:42"]}


BOXES = [
    (8.0, 47.2, 96.3, "/sbin/ipset", "", "/sbin/ipset", ""),
    (168.3, 28.7, 118.2, "libipset.so.13", "DT_RUNPATH", "libipset.so.13, DT_RUNPATH, /lib/libipset.so.13", ""),
    (350.5, 14.0, 96.3, "libmnl.so.0", "not found", "libmnl.so.0, not found", "missing"),
    (350.5, 64.0, 90.0, "libc.so.6", "ld.so.cache", "libc.so.6, ld.so.cache, /lib/libc.so.6", ""),
    (510.8, 63.4, 90.0, "ld.so", "interpreter", "ld.so, interpreter, /lib/ld.so", ""),
]
LINES = [
    (0, 1, "M104.3 66.2C136.3 66.2 136.3 47.7 168.3 47.7", ""),
    (1, 2, "M286.5 47.7C318.5 47.7 318.5 33 350.5 33", "missing"),
    (1, 3, "M286.5 47.7C318.5 47.7 318.5 83 350.5 83", ""),
    (3, 4, "M440.5 83C475.65 83 475.65 82.4 510.8 82.4", ""),
    # Through the column between, where nothing stands.
    (0, 3, "M104.3 66.2C136.3 66.2 136.3 84.7 168.3 84.7H286.5C318.5 84.7 318.5 83 350.5 83", ""),
]


def test_a_closure_is_drawn_so() -> None:
    picture = picture_of(graph_of(TREE))
    assert picture is not None
    assert (picture.width, picture.height, picture.box_height) == (608.8, 116.0, 38.0)
    assert [(box.left, box.top, box.width, box.label, box.note, box.told, box.kind) for box in picture.boxes] == BOXES
    assert [(line.start, line.end, line.path, line.kind) for line in picture.lines] == LINES


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("/opt/lib/libx.so", "libx.so"),
        ("/opt/lib/", "/opt/lib/"),
        ("a" * 36, "a" * 36),
        ("a" * 20 + "b" * 17, "a" * 18 + "…" + "b" * 17),
        ("a" * 60 + "b" * 17, "a" * 18 + "…" + "b" * 17),
        ("a\x1b", "a\\x1b"),
    ],
)
def test_a_name_is_shown_without_its_directory_and_with_both_ends(name: str, label: str) -> None:
    picture = picture_of(Graph((Node("/sbin/x", "", "", ""), Node(name, "/place", "note", "")), ((0, 1),)))
    assert picture is not None
    assert [box.label for box in picture.boxes] == ["/sbin/x", label]
    assert picture.boxes[1].told == f"{name}, note, /place"


@pytest.mark.parametrize(("edges", "drawn"), [(2, True), (3, False)])
def test_so_many_edges_are_drawn(edges: int, drawn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.report.format.picture._MOST_EDGES", 2)
    nodes = tuple(Node(f"lib{number}.so", "", "", "") for number in range(4))
    assert (picture_of(Graph(nodes, tuple((0, end + 1) for end in range(edges)))) is not None) is drawn


def test_one_that_needs_itself_and_one_alone() -> None:
    picture = drawn(1, {(0, 0)})
    assert picture.lines == ()
    assert len(picture.boxes) == 1


def test_what_is_too_large_is_no_picture() -> None:
    nodes = tuple(Node(f"lib{number}.so", "", "", "") for number in range(LARGEST + 1))
    assert picture_of(Graph(nodes, ())) is None
    assert picture_of(Graph(nodes[1:], ())) is not None
