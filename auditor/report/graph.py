"""A closure as a graph: each file once, an edge for each need, as its tree (auditor.report.audit.tree) has them."""

from msgspec import Struct

from auditor.report.page import Branch


class Node(Struct, frozen=True):
    """One file. `name` is what it is asked for by, `place` its path, `note` the rule that found it or what is wrong."""

    name: str
    place: str
    note: str
    kind: str


class Graph(Struct, frozen=True):
    """The program is node 0. `edges` are (who needs, what is needed), by index, each once, in the tree's order."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]


def graph_of(root: Branch) -> Graph:
    """The graph behind a tree that names each file anew for everyone who needs it."""
    index: dict[str, int] = {}
    nodes: list[Node] = []
    edges: dict[tuple[int, int], None] = {}
    left: list[tuple[int | None, Branch]] = [(None, root)]
    while left:
        above, branch = left.pop()
        here = index.setdefault(branch.text, len(index))
        if here == len(nodes):
            nodes.append(_node(branch))
        if above is not None:
            edges[above, here] = None
        left += [(here, below) for below in reversed(branch.branches)]
    return Graph(tuple(nodes), tuple(edges))


def _node(branch: Branch) -> Node:
    name, _, path = branch.text.partition(" => ")
    return Node(name, path, branch.note, branch.kind)
