"""Libraries that only some machines find: each level that makes a difference has a closure of its own."""

from pathlib import Path

import pytest

from auditor.elf.model import Closure, LoadFault, NoticeKind
from tests.elf.caches import Row, new_cache
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.forge import Binary, Forge, Need, library, program
from tests.elf.lab import closure_of, lay_out, read_trace, start
from tests.elf.loaders import real_loader

INTERPRETER = Path("/lib64/ld-linux-x86-64.so.2")
V2, V3, V4 = "x86-64-v2", "x86-64-v3", "x86-64-v4"


def place(directory: str, level: str, name: str = "a.so") -> str:
    return f"{directory}/glibc-hwcaps/{level}/{name}"


def case(name: str, *binaries: Binary, **rest: object) -> Case:
    return Case(name, binaries, **rest)  # type: ignore[arg-type]


# Each with the path of a.so by level; "" is the plainest machine's.
CASES: tuple[tuple[Case, dict[str, str | None]], ...] = (
    (
        case("no such directory", program("/bin/prog", "a.so"), library("/lib/a.so")),
        {"": "/lib/a.so"},
    ),
    (
        case(
            "a better one in the same directory",
            program("/bin/prog", "a.so", runpath="/r"),
            library("/r/a.so"),
            library(place("/r", V3)),
        ),
        {"": "/r/a.so", V3: place("/r", V3)},
    ),
    (
        case(
            "the best level that the machine has",
            program("/bin/prog", "a.so"),
            *(library(path) for path in ("/lib/a.so", place("/lib", V2), place("/lib", V4))),
        ),
        {"": "/lib/a.so", V2: place("/lib", V2), V4: place("/lib", V4)},
    ),
    (
        case(
            "an earlier directory's plain file comes before a later one's level",
            program("/bin/prog", "a.so", runpath="/r:/s"),
            library("/r/a.so"),
            library(place("/s", V2)),
        ),
        {"": "/r/a.so"},
    ),
    (
        case("nowhere else", program("/bin/prog", "a.so"), library(place("/lib", V2))),
        {"": None, V2: place("/lib", V2)},
    ),
    (
        case(
            "through the cache, a level of any directory comes before the plain file of an earlier one",
            program("/bin/prog", "a.so"),
            library("/one/a.so"),
            library(place("/two", V2)),
            files={"/etc/ld.so.cache": new_cache([Row("a.so", place("/two", V2), hwcap=V2), Row("a.so", "/one/a.so")])},
        ),
        {"": "/one/a.so", V2: place("/two", V2)},
    ),
    (
        case(
            "the best of several in the cache, in any order",
            program("/bin/prog", "a.so"),
            *(library(path) for path in ("/one/a.so", place("/one", V2), place("/one", V3))),
            files={
                "/etc/ld.so.cache": new_cache(
                    [
                        Row("a.so", place("/one", V2), hwcap=V2),
                        Row("a.so", place("/one", V3), hwcap=V3),
                        Row("a.so", "/one/a.so"),
                    ]
                )
            },
        ),
        {"": "/one/a.so", V2: place("/one", V2), V3: place("/one", V3)},
    ),
    (
        case(
            "a stale level in the cache hides a good plain entry outside the default directories",
            program("/bin/prog", "a.so"),
            library("/one/a.so"),
            files={"/etc/ld.so.cache": new_cache([Row("a.so", place("/one", V2), hwcap=V2), Row("a.so", "/one/a.so")])},
        ),
        {"": "/one/a.so", V2: None},
    ),
    (
        case(
            "a level that nobody knows is none",
            program("/bin/prog", "a.so"),
            library("/one/a.so"),
            library("/one/x/a.so"),
            files={
                "/etc/ld.so.cache": new_cache([Row("a.so", "/one/x/a.so", hwcap="x86-64-v9"), Row("a.so", "/one/a.so")])
            },
        ),
        {"": "/one/a.so"},
    ),
    (
        case(
            "a level's library that needs another",
            program("/bin/prog", "a.so"),
            library("/lib/a.so"),
            library(place("/lib", V2), "b.so"),
        ),
        {"": "/lib/a.so", V2: place("/lib", V2)},
    ),
)


@pytest.fixture(scope="session")
def loader() -> Path:
    if not INTERPRETER.exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    return INTERPRETER


def path_of(closure: Closure, name: str = "a.so") -> str | None:
    return next((each.path for each in closure.objects if each.name == name), None)


def level_of_this_machine(chamber: Chamber, root: Path) -> str:
    """The best level that the loader says it supports and searches."""
    lines = chamber.run(root, [str(INTERPRETER), "--help"], {}).output.splitlines()
    return next((line.split()[0] for line in lines if line.startswith("  x86-64-v") and "supported" in line), "")


@pytest.mark.parametrize(("case", "expected"), CASES, ids=lambda value: value.name if isinstance(value, Case) else "")
def test_each_level_finds_its_own(
    case: Case, expected: dict[str, str | None], loader: Path, forge: Forge, chamber: Chamber, tmp_path: Path
) -> None:
    lay_out(tmp_path, case, forge, loader)
    plain = closure_of(tmp_path, case)
    assert {"": path_of(plain)} | {each.variant: path_of(each) for each in plain.variants} == expected
    assert [each.variant for each in plain.variants] == sorted((level for level in expected if level), reverse=True)
    own = level_of_this_machine(chamber, tmp_path)
    mine = next((each for each in plain.variants if each.variant <= own), plain)
    traced = read_trace(start(chamber, tmp_path, case, {"LD_TRACE_LOADED_OBJECTS": "1"}).output, case.cwd)
    assert dict(traced.found).get("a.so") == path_of(mine)


def test_a_library_of_some_machines_only_is_missing_and_remarked(loader: Path, forge: Forge, tmp_path: Path) -> None:
    only = case("only", program("/bin/prog", "a.so"), library(place("/lib", V3)))
    lay_out(tmp_path, only, forge, loader)
    plain = closure_of(tmp_path, only)
    (problem,) = plain.problems
    assert problem.fault is LoadFault.LIBRARY_MISSING
    assert problem.passed_over == ((place("/lib", V3), f"only for machines with {V3}"),)
    (variant,) = plain.variants
    assert not variant.problems
    (notice,) = variant.notices
    assert (notice.kind, notice.name, notice.variant) == (NoticeKind.HWCAPS_ONLY, "a.so", V3)


def test_a_level_fails_by_itself(loader: Path, forge: Forge, tmp_path: Path) -> None:
    older = case(
        "older",
        program("/bin/prog", Need("a.so", ("f@@V1",)), uses=("f",)),
        library("/lib/a.so", defines=("f@@V1",)),
        library(place("/lib", V2), defines=("g@@V0",)),
    )
    lay_out(tmp_path, older, forge, loader)
    plain = closure_of(tmp_path, older)
    assert not plain.problems
    (variant,) = plain.variants
    (problem,) = variant.problems
    assert (problem.fault, problem.variant) == (LoadFault.SYMBOL_VERSION_MISSING, V2)
    assert f"{place('/lib', V2)}: version `V1' not found (required by /bin/prog)" in problem.message


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/lib/haswell/a.so", "haswell"),
        ("/lib/haswell/x86_64/a.so", "haswell"),
        ("/lib/tls/haswell/a.so", "haswell"),
        ("/lib/xeon_phi/a.so", "xeon_phi"),
        ("/lib/haswell/b.so", ""),
        ("/lib/other/a.so", ""),
    ],
)
def test_a_loader_before_2_37_has_directories_for_some_processors(
    path: str, level: str, loader: Path, forge: Forge, tmp_path: Path
) -> None:
    if real_loader("own").version >= (2, 37):
        pytest.skip("this machine's loader is newer")
    lay_out(tmp_path, case("legacy", program("/bin/prog", "a.so"), library(path)), forge, loader)
    plain = closure_of(tmp_path, case("legacy"))
    (problem,) = plain.problems
    assert [reason for _, reason in problem.passed_over] == ([f"only for machines with {level}"] if level else [])
    assert [(each.variant, path_of(each)) for each in plain.variants] == ([(level, path)] if level else [])
