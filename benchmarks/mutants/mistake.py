"""One mistake in one module: a comparison turned, a condition negated, a number off by one, an answer turned round."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


@dataclass(frozen=True)
class Mistake:
    """A place among all nodes of a module, and what is done there."""

    number: int
    line: int
    words: str


def mistakes(source: str) -> Iterator[Mistake]:
    """Every mistake that can be made in a module."""
    for number, node in enumerate(ast.walk(ast.parse(source))):
        changed = _changed(copy.copy(node))
        if changed is not None:
            yield Mistake(number, getattr(node, "lineno", 0), f"{ast.unparse(node)[:60]!r} -> {changed}")


def made(source: str, mistake: Mistake) -> str:
    """The module with the mistake in it."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[mistake.number]
    _changed(node)
    return ast.unparse(ast.fix_missing_locations(tree))


def _changed(node: ast.AST) -> str | None:
    """Change a node where it is, and say how; None for one that is left alone."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _TURNED:
            node.ops = [_TURNED[type(operator)]()]
            return "turned"
        case ast.If(test=test) | ast.IfExp(test=test):
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
