"""Every rule of glibc's loader, each with a root of its own: the auditor says what the real loader does there."""

import os
from pathlib import Path

import pytest

from auditor.elf.model import Closure, NoticeKind
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.forge import Forge, Need, library, program
from tests.elf.glibccases import CASES
from tests.elf.lab import Trace, closure_of, lay_out, on_this_cpu, read_trace, start, told_by
from tests.elf.loaders import INTERPRETER, RealLoader

TRACE = {"LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes", "LD_BIND_NOW": "1"}


def without_interpreter(trace: Trace) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in trace.found if pair[1] != INTERPRETER)


def words(message: str) -> str:
    """The loader's own part of a message: what the auditor adds stands in brackets behind an assertion."""
    head, assertion, tail = message.partition("Assertion")
    return assertion + tail.partition(" failed!")[0] if assertion else head


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_auditor_says_what_the_loader_does(
    case: Case, loader: RealLoader, forge: Forge, chamber: Chamber, tmp_path: Path
) -> None:
    if case.set_gid and os.geteuid() != 0:
        pytest.skip("only root can make a file of another group that AT_SECURE is set for")
    lay_out(tmp_path, case, forge, loader.path)
    closure = closure_of(tmp_path, case)
    started = start(chamber, tmp_path, case, {})
    assert (started.code == 0) == (not any(problem.at_start for problem in closure.problems)), started.output
    if case.traced and not case.set_gid:  # such a program refuses to be traced
        told = told_by(on_this_cpu(closure))
        traced = start(chamber, tmp_path, case, TRACE)
        same_as_traced(told, read_trace(traced.output, case.cwd), traced.output + started.output)
    if case.holds_for(loader.version):
        as_expected(case, closure)


def same_as_traced(told: Trace, traced: Trace, output: str) -> None:
    if told.other:
        # The loader stops at the first such fault, with a message or by a signal.
        assert any(words(message) in output for message in told.other) or not traced.found, output
        return
    assert without_interpreter(told) == without_interpreter(traced), output
    assert told.missing == traced.missing
    assert told.versions == traced.versions
    if not told.missing and not told.versions:
        assert told.symbols == traced.symbols, output


def as_expected(case: Case, closure: Closure) -> None:
    found = {each.name: each.path for each in closure.objects}
    absent = {problem.name for problem in closure.problems}
    for name, path in case.finds.items():
        assert found.get(name) == path
        assert (name in absent) == (path is None)
    if case.fails:
        assert any(case.fails in problem.message for problem in closure.problems), closure.problems
    if case.finds and None not in case.finds.values() and not case.fails and not case.lives:
        assert not closure.problems
    if case.lives:
        assert closure.problems and not any(problem.at_start for problem in closure.problems)


@pytest.mark.parametrize(("flags", "differs"), [((), False), (("-Dint=long",), True)], ids=["same", "larger"])
def test_data_that_a_program_copies_has_the_size_that_it_was_linked_with(
    flags: tuple[str, ...], differs: bool, loader: RealLoader, forge: Forge, chamber: Chamber, tmp_path: Path
) -> None:
    linked = Need("a.so", ("data:d",))
    binaries = (
        program("/bin/prog", linked, uses=("copy:d",), flags=("-no-pie",)),
        library("/lib/a.so", defines=("data:d",), flags=flags),
    )
    case = Case("copied", binaries)
    lay_out(tmp_path, case, forge, loader.path)
    told = [each.message for each in closure_of(tmp_path, case).notices if each.kind is NoticeKind.SIZE_DIFFERS]
    started = start(chamber, tmp_path, case, {})
    assert started.code == 0
    assert bool(told) == differs == ("has different size in shared object" in started.output), started.output
    for message in told:
        assert message.startswith("/bin/prog: Symbol `d") and message.endswith("(/lib/a.so)")
