"""One mistake in one module: a comparison turned, a condition negated, a number off by one, an answer turned round."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Mistake:
    """A place among all nodes of a module, and what is done there."""

    number: int
    place: "Place"
    words: str

    @property
    def line(self) -> int:
        """Where it is, for a reader."""
        return self.place.lines.start


@dataclass(frozen=True)
class Place:
    """The lines of the statement around a node, the head alone of one with a body, and the class and function."""

    lines: range
    within: str = ""
    function: str = ""  # the outermost one; "" for what runs when the module is imported


def mistakes(source: str) -> Iterator[Mistake]:
    """Every mistake that can be made in the functions of a module and that a run of it could show.

    Left out are annotations, `assert` and `__repr__`: what is there for a reader of the code.
    """
    tree = ast.parse(source)
    places = dict(_places(tree, Place(range(0))))
    seen: Counter[tuple[str, str]] = Counter()
    for number, node in enumerate(ast.walk(tree)):
        place = places.get(node)
        changed = _changed(copy.copy(node)) if place and place.function else None
        if place and changed:
            shown = ast.unparse(node.test if isinstance(node, ast.If) else node)
            words = f"`{shown[:80]}` {changed}"
            seen[place.within, words] += 1
            nth = seen[place.within, words]
            yield Mistake(number, place, words if nth == 1 else f"{words} ({nth})")


def changed_tree(source: str, mistake: Mistake) -> ast.Module:
    """The module with the mistake in it."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[mistake.number]
    _changed(node)
    return ast.fix_missing_locations(tree)


def _places(node: ast.AST, around: Place) -> Iterator[tuple[ast.AST, Place]]:
    """Each node that may be changed, and where it is."""
    place = _place(node, around)
    yield node, place
    left_out = _left_out(node)
    body: list[ast.AST] = getattr(node, "body", []) if isinstance(node, _NAMED) else []
    name = f"{place.within}.{node.name}".lstrip(".") if isinstance(node, _NAMED) else ""
    function = place.function or ("" if isinstance(node, ast.ClassDef) else name)
    inner = Place(place.lines, name, function)
    for child in ast.iter_child_nodes(node):
        if child not in left_out:
            yield from _places(child, inner if child in body else place)  # decorators and defaults are outside


def _place(node: ast.AST, around: Place) -> Place:
    match node:
        case ast.stmt():
            inner = [case.pattern for case in node.cases] if isinstance(node, ast.Match) else getattr(node, "body", [])
            last = inner[0].lineno - 1 if inner else node.end_lineno or node.lineno
            return replace(around, lines=range(node.lineno, max(last, node.lineno) + 1))
        case ast.expr():
            # What is below the head of a `match` is the guard of one of its cases.
            below = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            return around if node.lineno in around.lines else replace(around, lines=below)
    return around


def _left_out(node: ast.AST) -> list[ast.AST]:
    """The children of a node that are there for a reader of the code."""
    match node:
        case ast.Assert() | ast.FunctionDef(name="__repr__"):
            return list(ast.iter_child_nodes(node))
        case ast.FunctionDef(returns=annotation) | ast.arg(annotation=annotation) if annotation:
            return [annotation]
        case ast.AnnAssign(annotation=annotation):
            return [annotation]
    return []


def _turns_round(test: ast.expr) -> bool:
    """Whether the comparison, turned, is the condition negated: one mistake, not two."""
    match test:
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() | ast.Is() | ast.IsNot()]):
            return True
    return False


def _changed(node: ast.AST) -> str | None:
    """Change a node where it is, and say how; None for one that is left alone."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _TURNED:
            node.ops = [_TURNED[type(operator)]()]
            return "turned"
        case ast.If(test=test) | ast.IfExp(test=test) if not _turns_round(test):
            node.test = ast.UnaryOp(ast.Not(), test)
            return "negated"
        case ast.BoolOp():
            node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            return "and/or"
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.Constant(value=int())):
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            return "plus/minus"
        case ast.Subscript(slice=ast.Constant(value=int() as value)):
            node.slice = ast.Constant(value + 1)
            return "one off"
        case ast.Return(value=ast.Constant(value=bool() as value)):
            node.value = ast.Constant(not value)
            return "the other answer"
    return None
