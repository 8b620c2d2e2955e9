"""Where glibc looks, in which order, and what it notes on the way: in trees that are lists of paths.

Real loaders look in the same way in `test_glibc_rules.py` and `test_hwcaps.py`.
"""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from auditor.elf.read.file import NotElf
from auditor.elf.search.glibc_search import GlibcSearch, Query, SearchResult
from auditor.elf.search.hwcaps import Cpu, better_cpus, plain_cpu
from auditor.elf.search.ld_so_cache import Cache, CacheEntry
from auditor.elf.search.loader import LoaderProfile
from tests.elf.made import ELF, GLIBC, Files, Given
from tests.tools.elves import Elf, parsed

OTHER = parsed(Elf(bits=32, machine=3).content())
V2, V3 = "x86-64-v2", "x86-64-v3"
NEW = replace(GLIBC, directories=("/lib", "/usr/lib"), hwcaps=(V3, V2), cache_flags=0x303)
OLD = replace(NEW, hwcaps=(), legacy_always=("tls", "x86_64"), legacy_names=("haswell", "xeon_phi", "avx512_1"))


def entry(path: str, hwcaps: str | None = "", mask: int = 0, flags: int = 0x303, name: str = "a.so") -> CacheEntry:
    return CacheEntry(name, path, flags, hwcaps, mask)


def find(
    files: tuple[str, ...] | Given,
    query: Query,
    *,
    cache: tuple[CacheEntry, ...] | None = None,
    profile: LoaderProfile = NEW,
    level: str = "",
) -> SearchResult:
    given = files if isinstance(files, Mapping) else dict.fromkeys(files, ELF)
    cpus = {cpu.level: cpu for cpu in (plain_cpu(profile), *better_cpus(profile))}
    read = None if cache is None else Cache(cache)
    return GlibcSearch(Files(given), profile, read, cpus[level]).find(query)  # type: ignore[arg-type]


ASKED = Query("a.so", ("/rpath",), ("/env",), ("/runpath",))
PLACES = ("/rpath/a.so", "/env/a.so", "/runpath/a.so", "/cached/a.so", "/lib/a.so", "/usr/lib/a.so")
WAYS = ("rpath", "LD_LIBRARY_PATH", "runpath", "ld.so.cache", "default", "default")
CACHED = (entry("/cached/a.so"),)


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_the_order_of_a_search(number: int) -> None:
    found = find(PLACES[number:], ASKED, cache=CACHED)
    assert (found.path, found.found_by, found.fatal, found.legacy) == (PLACES[number], WAYS[number], "", "")


def test_nothing_is_found_where_nothing_is() -> None:
    assert find((), ASKED) == SearchResult()
    assert find(("/lib/b.so", "/other/a.so"), ASKED) == SearchResult()
    lost = find((), ASKED, cache=CACHED)
    assert lost == SearchResult(passed_over=(("/cached/a.so", "no such file"),))


@pytest.mark.parametrize(
    ("files", "cache", "found"),
    [
        (("/lib/a.so",), (), ""),
        (("/lib/a.so",), (entry("/lib/a.so"),), ""),
        (("/usr/lib/x/a.so",), (entry("/usr/lib/x/a.so"),), ""),
        (("/library/a.so",), (entry("/library/a.so"),), "/library/a.so"),
        (("/runpath/a.so",), (), "/runpath/a.so"),
    ],
)
def test_an_object_that_minds_no_default_directories(
    files: tuple[str, ...], cache: tuple[CacheEntry, ...], found: str
) -> None:
    assert find(files, replace(ASKED, nodeflib=True), cache=cache).path == found


NOT_SUID = "a preload of a program in secure mode must be set-uid"


@pytest.mark.parametrize(
    ("files", "found", "passed_over"),
    [
        (("/suid/a.so",), "/suid/a.so", ()),
        (("/lib/a.so",), "", (("/lib/a.so", NOT_SUID),)),
        (("/cached/a.so",), "", ()),
        (("/lib/a.so", "/suid/a.so"), "/suid/a.so", (("/lib/a.so", NOT_SUID),)),
    ],
)
def test_a_preload_of_a_program_in_secure_mode(
    files: tuple[str, ...], found: str, passed_over: tuple[tuple[str, str], ...]
) -> None:
    told = find(
        files,
        Query("a.so", trusted_only=True),
        cache=CACHED,
        profile=replace(NEW, directories=("/lib", "/suid")),
    )
    assert (told.path, told.passed_over) == (found, passed_over)


def test_what_is_no_library_for_it_is_passed_over_or_ends_the_load() -> None:
    told = find({"/rpath/a.so": OTHER, "/lib/a.so": ELF}, ASKED)
    assert (told.path, told.passed_over) == ("/lib/a.so", (("/rpath/a.so", "wrong ELF class: ELFCLASS32"),))
    told = find({"/rpath/a.so": OTHER}, ASKED)
    assert (told.path, told.other_class) == ("", "wrong ELF class: ELFCLASS32")
    told = find({"/rpath/a.so": NotElf("invalid ELF header"), "/lib/a.so": ELF}, ASKED)
    assert (told.path, told.fatal, told.foreign) == ("/rpath/a.so", "invalid ELF header", False)


def test_one_path_is_opened_as_it_is() -> None:
    search = GlibcSearch(Files({"/x/a.so": ELF}), NEW, None, plain_cpu(NEW))  # type: ignore[arg-type]
    assert (search.open("/x/a.so").path, search.open("/x/a.so").found_by) == ("/x/a.so", "path")
    assert search.open("/y/a.so") == SearchResult(passed_over=(("/y/a.so", "no such file"),))
    assert search.find(ASKED) is search.find(ASKED)


def level_of(directory: str, level: str) -> str:
    return f"{directory}/glibc-hwcaps/{level}/a.so"


@pytest.mark.parametrize(
    ("files", "level", "found", "levels", "passed_over"),
    [
        ((level_of("/lib", V2),), "", "", {V2}, {V2}),
        ((level_of("/lib", V2),), V2, level_of("/lib", V2), {V2}, set()),
        ((level_of("/lib", V2), "/lib/a.so"), "", "/lib/a.so", {V2}, {V2}),
        ((level_of("/lib", V3), level_of("/lib", V2)), V2, level_of("/lib", V2), {V2, V3}, {V3}),
        ((level_of("/lib", V3), level_of("/lib", V2)), V3, level_of("/lib", V3), {V2, V3}, set()),
        (("/lib/glibc-hwcaps/x86-64-v9/a.so",), V3, "", set(), set()),
        (("/lib/glibc-hwcaps/x86-64-v2/b.so",), "", "", set(), set()),
        (("/lib/a.so", level_of("/usr/lib", V2)), V2, "/lib/a.so", set(), set()),
    ],
)
def test_levels_of_processors(
    files: tuple[str, ...], level: str, found: str, levels: set[str], passed_over: set[str]
) -> None:
    told = find(files, Query("a.so"), level=level)
    assert (told.path, {*told.levels}, told.legacy) == (found, levels, "")
    assert {reason for _, reason in told.passed_over} == {f"only for machines with {each}" for each in passed_over}


@pytest.mark.parametrize(
    ("path", "level", "found", "levels", "legacy"),
    [
        ("/lib/tls/a.so", "", True, set(), "tls"),
        ("/lib/x86_64/a.so", "", True, set(), "x86_64"),
        ("/lib/tls/x86_64/a.so", "", True, set(), "tls/x86_64"),
        ("/lib/haswell/a.so", "", False, {"haswell"}, ""),
        ("/lib/haswell/a.so", "haswell", True, {"haswell"}, "haswell"),
        ("/lib/tls/haswell/a.so", "", False, {"haswell"}, ""),
        ("/lib/tls/haswell/a.so", "haswell", True, {"haswell"}, "tls/haswell"),
        ("/lib/haswell/x86_64/a.so", "haswell", True, {"haswell"}, "haswell/x86_64"),
        ("/lib/haswell/avx512_1/a.so", "avx512_1", True, {"haswell"}, "haswell/avx512_1"),
        ("/lib/haswell/avx512_1/x86_64/a.so", "avx512_1", True, {"haswell"}, "haswell/avx512_1/x86_64"),
        ("/lib/haswell/tls/x86_64/haswell/a.so", "haswell", False, set(), ""),  # deeper than any
        ("/lib/haswell/other/a.so", "haswell", False, set(), ""),
    ],
)
def test_directories_of_before_glibc_2_37(path: str, level: str, found: bool, levels: set[str], legacy: str) -> None:
    told = find((path,), Query("a.so"), profile=OLD, level=level)
    assert (told.path, {*told.levels}, told.legacy) == (path if found else "", levels, legacy)
    told = find((path,), Query("a.so"), profile=NEW, level="")
    assert told == SearchResult()


BEST, SECOND, PLAIN = entry("/v3/a.so", V3), entry("/v2/a.so", V2), entry("/a.so")


@pytest.mark.parametrize(
    ("cache", "level", "found", "levels"),
    [
        ((PLAIN,), "", "/a.so", set()),
        ((BEST, SECOND, PLAIN), "", "/a.so", {V2, V3}),
        ((BEST, SECOND, PLAIN), V2, "/v2/a.so", {V2, V3}),
        ((BEST, SECOND, PLAIN), V3, "/v3/a.so", {V2, V3}),
        ((SECOND, BEST, PLAIN), V3, "/v3/a.so", {V2, V3}),
        ((BEST, BEST, PLAIN), V3, "/v3/a.so", {V3}),
        ((replace(BEST, path="/first.so"), BEST), V3, "/first.so", {V3}),
        ((SECOND, PLAIN, BEST), V3, "/v3/a.so", {V2, V3}),
        ((PLAIN, BEST), V3, "/a.so", set()),
        ((BEST,), "", "", {V3}),
        ((entry("/x.so", "x86-64-v9"), PLAIN), V3, "/a.so", set()),
        # Entries for another C library, or another machine.
        ((entry("/32.so", flags=0x3), PLAIN), "", "/a.so", set()),
        ((entry("/32.so", flags=0x3),), "", "", set()),
    ],
)
def test_which_entry_of_the_cache_is_taken(
    cache: tuple[CacheEntry, ...], level: str, found: str, levels: set[str]
) -> None:
    files = ("/v3/a.so", "/v2/a.so", "/a.so", "/first.so", "/x.so", "/32.so")
    told = find(files, Query("a.so"), cache=cache, level=level)
    assert (told.path, {*told.levels}, told.disorder) == (found, levels, False)


TLS, X86_64, HASWELL = 1 << 63, 1 << 1, 1 << 50


@pytest.mark.parametrize(
    ("mask", "level", "found", "levels", "legacy"),
    [
        (TLS, "", "/m.so", set(), "legacy"),
        (TLS | X86_64, "", "/m.so", set(), "legacy"),
        (HASWELL, "", "/a.so", {*OLD.legacy_names}, ""),
        (HASWELL, "haswell", "/m.so", set(), "legacy"),
        (1 << 20, "haswell", "/a.so", {*OLD.legacy_names}, ""),
    ],
)
def test_entries_of_the_cache_of_before_glibc_2_37(
    mask: int, level: str, found: str, levels: set[str], legacy: str
) -> None:
    cache = (entry("/m.so", None, mask), PLAIN)
    told = find(("/m.so", "/a.so"), Query("a.so"), cache=cache, profile=OLD, level=level)
    assert (told.path, {*told.levels}, told.legacy) == (found, levels, legacy)


@pytest.mark.parametrize(("flags", "found"), [(0x303, True), (0x3, True), (0x503, True), (0x304, False)])
def test_entries_for_a_machine_whose_flags_are_not_known(flags: int, found: bool) -> None:
    cache = (entry("/a.so", flags=flags),)
    told = find(("/a.so",), Query("a.so"), cache=cache, profile=replace(NEW, cache_flags=None))
    assert bool(told.path) is found


@pytest.mark.parametrize(
    ("names", "disorder"), [(("c", "b", "a.so"), False), (("a.so", "b", "c"), True), (("c", "b"), False)]
)
def test_an_entry_that_is_not_where_it_belongs(names: tuple[str, ...], disorder: bool) -> None:
    cache = tuple(entry(f"/{name}", name=name) for name in names)
    assert find((), Query("a.so"), cache=cache).disorder is disorder
    assert find(("/lib/a.so",), Query("a.so"), cache=cache).disorder is disorder


def test_a_directory_of_a_level_is_that_of_its_machine() -> None:
    assert Cpu("", (V2,), ("tls",), 0, "").subdirectories == (f"glibc-hwcaps/{V2}", "tls")
