"""A closure as a tree, said of a few files: what is drawn once, cut off, missing, and what leads to a library."""

import math

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault
from auditor.inventory.model import Binary, ClosureEntry, ElfObject, Inventory, Problem
from auditor.report.audit.tree import closure_tree, cut, lacks, others_lacking, ways_to
from auditor.report.format.html import _flat
from auditor.report.page import Branch
from tests.inventories import binary, sound

PROGRAM = "/bin/x"


def shown(branch: Branch | None) -> str:
    """`x(a b(c))`, with `!` for what is missing and `…` for what is shown above."""
    if branch is None:
        return ""
    name = branch.text.partition(" => ")[0].rpartition("/")[2]
    mark = "!" * (branch.kind == "missing") + "…" * branch.note.endswith("shown above")
    below = " ".join(map(shown, branch.branches))
    return f"{name}{mark}{f'({below})' if below else ''}"


def made(
    needs: dict[str, str], missing: dict[str, str] | None = None, *, mine: bool = True
) -> tuple[Inventory, Binary]:
    """Objects of one letter, with what each needs: `x` is the program, `missing` what each misses."""

    def path(name: str) -> str:
        return PROGRAM if name == "x" else f"/lib/{name}"

    objects = tuple(
        ElfObject(path(name), None if name == "x" else name, "", None, 0, None, tuple(map(path, each)))
        for name, each in needs.items()
    )
    lost = tuple(
        Problem(LoadFault.LIBRARY_MISSING, path(name), one, "", (PROGRAM if mine else "/bin/other",))
        for name, each in (missing or {}).items()
        for one in each
    )
    closure = tuple(ClosureEntry(name, path(name), "ld.so.cache", 0, None) for name in needs if name != "x")
    program = replace(binary("ipset", "ipset"), path=PROGRAM, resolved_path=PROGRAM, closure=closure)
    return replace(sound(), objects=objects, problems=lost), program


@pytest.mark.parametrize(
    ("needs", "missing", "tree"),
    [
        ({}, {}, "x"),
        ({"x": "ab", "a": "", "b": ""}, {}, "x(a b)"),
        ({"x": "ab", "a": "c", "b": "c", "c": "d", "d": ""}, {}, "x(a(c(d)) b(c…))"),
        ({"x": "ab", "a": "c", "b": "c", "c": ""}, {}, "x(a(c) b(c))"),  # there is nothing to draw again
        ({"x": "a", "a": "b", "b": "a"}, {}, "x(a(b(a…)))"),
        ({"x": "xa", "a": "a"}, {}, "x(a)"),  # what needs itself
        ({"x": "a", "a": ""}, {"x": "m", "a": "n"}, "x(m! a(n!))"),
        ({"x": "ab", "a": "c", "b": "c", "c": ""}, {"c": "m"}, "x(a(c(m!)) b(c…))"),
    ],
)
def test_each_subtree_is_drawn_once(needs: dict[str, str], missing: dict[str, str], tree: str) -> None:
    assert shown(closure_tree(*made(needs, missing))) == tree


def test_what_other_programs_miss_is_no_part_of_it() -> None:
    inventory, program = made({"x": "a", "a": ""}, {"a": "m"}, mine=False)
    assert shown(closure_tree(inventory, program)) == "x(a)"
    malformed = replace(inventory.problems[0], fault=LoadFault.SYMBOL_MISSING, programs=(PROGRAM,))
    assert shown(closure_tree(replace(inventory, problems=(malformed,)), program)) == "x(a)"


@pytest.mark.parametrize(
    ("depth", "tree"),
    [
        (0, "x"),
        (1, "x(a b)"),
        (2, "x(a(c) b(d))"),
        # What comes up nearer the root is drawn again: it may have been cut off below.
        (3, "x(a(c(d)) b(d(e)))"),
        (4, "x(a(c(d(e))) b(d(e)))"),
        (math.inf, "x(a(c(d(e))) b(d…))"),
    ],
)
def test_so_many_levels_are_drawn(depth: float, tree: str) -> None:
    needs = {"x": "ab", "a": "c", "b": "d", "c": "d", "d": "e", "e": ""}
    assert shown(closure_tree(*made(needs), depth)) == tree


def test_what_others_lack_is_told_by_what_is_loaded_with_them() -> None:
    def lost(path: str, name: str, *programs: str, fault: LoadFault = LoadFault.LIBRARY_MISSING) -> Problem:
        return Problem(fault, path, name, "", programs)

    problems = (
        lost("/bin/a", "m", "/bin/a"),
        lost("/lib/l", "n", "/bin/a", "/bin/b"),
        lost("/lib/l", "o", "/bin/b"),
        lost("/bin/c", "p", "/bin/c", fault=LoadFault.SYMBOL_MISSING),
    )
    inventory = replace(sound(), problems=problems)
    assert [shown(one) for one in others_lacking(inventory, ())] == ["a(m! l(n!))", "b(l(n! o!))"]
    assert [shown(one) for one in others_lacking(inventory, ("/bin/a",))] == ["b(l(n! o!))"]


TREE = closure_tree(*made({"x": "ab", "a": "c", "b": "c", "c": "d", "d": ""}, {"d": "m"}))


def test_a_tree_may_be_cut() -> None:
    assert [shown(cut(TREE, depth)) for depth in (0, 1, 2)] == ["x", "x(a b)", "x(a(c) b(c…))"]
    assert cut(TREE, math.inf) == TREE


def test_whether_anything_is_missing() -> None:
    assert (lacks(TREE), lacks(cut(TREE, 3)), lacks(cut(TREE, 4))) == (True, False, True)


@pytest.mark.parametrize(
    ("soname", "ways"),
    [
        ("a", "x(a)"),
        ("b", "x(b)"),
        ("c", "x(a(c) b(c…))"),
        ("d", "x(a(c(d)) b(c…))"),  # what is drawn once leads there each time
        ("m", "x(a(c(d(m!))) b(c…))"),
        ("x", "x"),
        ("q", ""),
    ],
)
def test_the_ways_to_a_library(soname: str, ways: str) -> None:
    assert shown(ways_to(TREE, soname, TREE)) == ways


def test_ways_may_be_longer_than_what_is_drawn_of_them() -> None:
    for soname in "cdm":
        assert shown(ways_to(TREE, soname, cut(TREE, 2))) == "x(a(c) b(c…))"
    assert shown(ways_to(TREE, "q", cut(TREE, 2))) == ""


def test_a_library_is_known_by_the_name_of_its_file_too() -> None:
    tree = Branch("/bin/x", branches=(Branch("libx.so.1 => /lib/libx.so.1.2"), Branch("/opt/liby.so")))
    assert shown(ways_to(tree, "libx.so.1.2", tree)) == "x(libx.so.1)"
    assert shown(ways_to(tree, "liby.so", tree)) == "x(liby.so)"
    assert shown(ways_to(tree, "lib", tree)) == ""


def test_the_page_has_a_line_for_each_and_closes_what_it_opens() -> None:
    tree = Branch("x", branches=(Branch("a", branches=(Branch("b"), Branch("c"))), Branch("d")))
    assert [(line.branch.text, line.opens, line.closes) for line in _flat(tree)] == [
        ("x", True, 0),
        ("a", True, 0),
        ("b", False, 0),
        ("c", False, 1),
        ("d", False, 1),
    ]
    deep = Branch("x", branches=(Branch("a", branches=(Branch("b"),)),))
    assert [line.closes for line in _flat(deep)] == [0, 0, 2]
