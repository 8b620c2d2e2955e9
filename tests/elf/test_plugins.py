"""Libraries loaded by name while a program runs: judged in the program's scope, as dlopen(3) would."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, LoadFault, NoticeKind
from tests.elf.case import Case
from tests.elf.dirtree import DirTree
from tests.elf.forge import Binary, Forge, Need, library, program
from tests.elf.lab import lay_out

INTERPRETER = Path("/lib64/ld-linux-x86-64.so.2")
PLUGIN = "/plugins/p.so"
Load = Callable[..., Closure]


@pytest.fixture
def load(forge: Forge, tmp_path: Path) -> Load:
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")

    def loaded(*binaries: Binary, caller: str = "") -> Closure:
        lay_out(tmp_path, Case("plugin", binaries), forge, INTERPRETER)
        linker = Linker(DirTree(tmp_path))
        return linker.plugin(linker.closure("/bin/prog"), PLUGIN, caller)

    return loaded


def symbols(closure: Closure) -> set[str]:
    return {each.name for each in closure.problems if each.fault is LoadFault.SYMBOL_MISSING}


def paths(closure: Closure) -> list[str]:
    return [each.path for each in closure.objects]


def test_the_programs_libraries_serve_a_plugin_that_does_not_name_them(load: Load) -> None:
    closure = load(
        program("/bin/prog", "host.so"),
        library("/lib/host.so", defines=("f",)),
        library(PLUGIN, uses=("data:f", "g")),
    )
    assert symbols(closure) == {"g"}
    assert paths(closure) == [PLUGIN]


def test_a_program_serves_it_only_with_exported_symbols(load: Load) -> None:
    assert symbols(
        load(program("/bin/prog", "z.so", defines=("f",)), library("/lib/z.so"), library(PLUGIN, uses=("f",)))
    ) == {"f"}


def test_a_program_with_rdynamic(load: Load) -> None:
    closure = load(
        program("/bin/prog", "z.so", defines=("f",), flags=("-rdynamic",)),
        library("/lib/z.so"),
        library(PLUGIN, uses=("f",)),
    )
    assert not closure.problems


def test_its_own_needs_are_loaded_and_told(load: Load) -> None:
    closure = load(
        program("/bin/prog", "z.so"),
        library("/lib/z.so"),
        library(PLUGIN, "own.so", "z.so", "none.so", uses=("f", "g")),
        library("/lib/own.so", defines=("f",)),
    )
    assert paths(closure) == [PLUGIN, "/lib/own.so", "/lib/z.so"]
    (problem,) = closure.problems
    assert (problem.fault, problem.name, problem.symbols) == (LoadFault.LIBRARY_MISSING, "none.so", ("g",))


def test_the_programs_rpath_serves_its_needs_the_runpath_does_not(load: Load) -> None:
    plugin = library(PLUGIN, "a.so")
    host = (library("/lib/z.so"), library("/r/a.so"), plugin)
    assert not load(program("/bin/prog", "z.so", rpath="/r"), *host).problems


def test_runpath_of_the_program(load: Load) -> None:
    host = (library("/lib/z.so"), library("/r/a.so"), library(PLUGIN, "a.so"))
    assert {each.name for each in load(program("/bin/prog", "z.so", runpath="/r"), *host).problems} == {"a.so"}


def test_the_callers_rpath_serves_its_needs(load: Load) -> None:
    closure = load(
        program("/bin/prog", "host.so"),
        library("/lib/host.so", rpath="/r"),
        library("/r/a.so"),
        library(PLUGIN, "a.so"),
        caller="/lib/host.so",
    )
    assert paths(closure) == [PLUGIN, "/r/a.so"]


def test_one_plugin_does_not_serve_another(forge: Forge, tmp_path: Path) -> None:
    binaries = (
        program("/bin/prog", "z.so"),
        library("/lib/z.so"),
        library("/plugins/one.so", "dep.so", soname="two-dep.so", defines=("f",)),
        library("/lib/dep.so", defines=("g",)),
        library("/plugins/two.so", uses=("f", "g")),
    )
    lay_out(tmp_path, Case("two", binaries), forge, INTERPRETER)
    linker = Linker(DirTree(tmp_path))
    closure = linker.closure("/bin/prog")
    assert not linker.plugin(closure, "/plugins/one.so").problems
    assert symbols(linker.plugin(closure, "/plugins/two.so")) == {"f", "g"}
    assert linker.closure("/bin/prog") is closure


def test_a_missing_version_stops_it(load: Load) -> None:
    closure = load(
        program("/bin/prog", "v.so"),
        library("/lib/v.so", defines=("f@@V1",)),
        library(PLUGIN, Need("v.so", ("f@@V2",)), uses=("f",)),
    )
    (problem,) = closure.problems
    assert problem.fault is LoadFault.SYMBOL_VERSION_MISSING
    assert problem.message == f"/lib/v.so: version `V2' not found (required by {PLUGIN})"


def test_a_file_that_is_no_library(forge: Forge, tmp_path: Path) -> None:
    binaries = (program("/bin/prog", "z.so"), library("/lib/z.so"))
    lay_out(tmp_path, Case("text", binaries, files={PLUGIN: b"text" * 50}), forge, INTERPRETER)
    linker = Linker(DirTree(tmp_path))
    (problem,) = linker.plugin(linker.closure("/bin/prog"), PLUGIN).problems
    assert problem.fault is LoadFault.ELF_MALFORMED
    assert "invalid ELF header" in problem.message


def test_a_plugin_that_is_gone(load: Load) -> None:
    (problem,) = load(program("/bin/prog", "z.so"), library("/lib/z.so")).problems
    assert (problem.fault, problem.name) == (LoadFault.LIBRARY_MISSING, PLUGIN)


def test_a_library_that_may_not_be_opened(load: Load) -> None:
    closure = load(
        program("/bin/prog", "z.so"),
        library("/lib/z.so"),
        library(PLUGIN, flags=("-Wl,-z,nodlopen",)),
    )
    assert any("shared object cannot be dlopen()ed" in each.message for each in closure.problems)


def test_the_plugin_of_a_program_that_is_not_understood_is_unknown(forge: Forge, tmp_path: Path) -> None:
    binaries = (program("/bin/prog", "z.so"), library("/lib/z.so"), library(PLUGIN))
    lay_out(tmp_path, Case("unknown", binaries), forge, INTERPRETER)
    (tmp_path / "lib64/ld-linux-x86-64.so.2").write_bytes(forge.make(library("/lib/other.so")))
    linker = Linker(DirTree(tmp_path))
    program_closure = linker.closure("/bin/prog")
    assert [each.kind for each in program_closure.notices] == [NoticeKind.UNKNOWN]
    assert not program_closure.problems
    closure = linker.plugin(program_closure, PLUGIN)
    assert [each.kind for each in closure.notices] == [NoticeKind.UNKNOWN]
    assert not closure.problems


SOURCE = r"""
#include <dlfcn.h>
#include <stdio.h>
int f(void) { return 1; }
int main(int count, char **names) {
    for (int number = 1; number < count; number++)
        puts(dlopen(names[number], RTLD_NOW) ? "opened" : dlerror());
    return 0;
}
"""


def test_dlopen_of_the_real_loader_agrees(forge: Forge, tmp_path: Path) -> None:
    """A real program of this machine, with real libraries around it, opens plug-ins; the auditor says the same."""
    source, host = tmp_path / "host.c", tmp_path / "host"
    source.write_text(SOURCE)
    made = subprocess.run(["gcc", "-rdynamic", "-o", str(host), str(source)], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("no C library to compile against (libc6-dev)")
    plugins = {
        "served.so": library("", uses=("f", "printf")),
        "unserved.so": library("", uses=("f", "no_such_function")),
        "lacking.so": library("", "no-such-library.so"),
        "needing.so": library("", "libm.so.6", uses=("cos",)),
        "undue.so": library("", uses=("cos",)),
        "program.so": program(""),
    }
    for name, binary in plugins.items():
        (tmp_path / name).write_bytes(forge.make(binary))
    names = [str(tmp_path / name) for name in plugins]
    said = subprocess.run([str(host), *names], capture_output=True, text=True, check=True).stdout.splitlines()
    linker = Linker(DirTree(Path("/")))
    closure = linker.closure(str(host))
    assert not closure.problems
    for name, answer in zip(names, said, strict=True):
        problems = linker.plugin(closure, name).problems
        assert (answer == "opened") == (not problems), (name, answer, problems)
        assert answer == "opened" or any(answer.rpartition(": ")[2] in each.message for each in problems)
