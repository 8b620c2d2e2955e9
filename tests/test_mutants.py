"""`make mutants`: which mistakes are made, and that each is made where it is said to be."""

import ast

import pytest

from benchmarks.mutants.mistake import changed_tree, mistakes

# A function, and what becomes of its body by each mistake.
CASES = {
    "comparison": ("return a < b", ["return a <= b"]),
    "condition": ("if a:\n        return b", ["if not a:\n        return b"]),
    "condition-that-compares": ("if a == b:\n        return b", ["if a != b:\n        return b"]),
    "either": ("return a or b", ["return a and b"]),
    "sum": ("return a + 1", ["return a - 1"]),
    "place": ("return a[0]", ["return a[1]"]),
    "answer": ("return True", ["return False"]),
    "guard": ("match a:\n        case b if b > 1:\n            return b",
              ["match a:\n        case b if b >= 1:\n            return b"]),
    "assertion": ("assert a < b", []),
    "annotation": ("c: d[0] = a", []),
    "sum-of-names": ("return a + b", []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_mistakes_of_a_function(case: str) -> None:
    body, changed = CASES[case]
    source = f"def f(a, b):\n    {body}"
    assert [ast.unparse(changed_tree(source, mistake)) for mistake in mistakes(source)] == [
        f"def f(a, b):\n    {one}" for one in changed
    ]


# The lines whose tests are asked, and the functions around the mistake.
PLACES = {
    "body": (
        "class A:\n    def f(self):\n        return (\n            1 <\n            2)",
        range(3, 6),
        "A.f",
        "A.f",
    ),
    "head": ("def f(a):\n    while a < 1:\n        a = 2", range(2, 3), "f", "f"),
    "inner": ("def f(a):\n    def g():\n        return a < 2\n    return g", range(3, 4), "f.g", "f"),
    "guard": ("def f(a):\n    match a:\n        case b if b < 2:\n            return b", range(3, 4), "f", "f"),
}


@pytest.mark.parametrize("case", PLACES)
def test_where_a_mistake_is(case: str) -> None:
    source, lines, within, function = PLACES[case]
    (mistake,) = mistakes(source)
    assert (mistake.place.lines, mistake.place.within, mistake.place.function) == (lines, within, function)


def test_none_is_made_in_what_runs_at_import() -> None:
    assert not list(mistakes("a = 1 < 2\nclass B:\n    c = a or b\ndef f(d=1 < 2):\n    return d"))
