"""Where glibc looks for a library by name (ld.so(8); `_dl_map_object` and `open_path` in its dl-load.c)."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from auditor.elf.search.accept import Answer, accept_candidate
from auditor.elf.search.hwcaps import HWCAPS_DIRECTORY, Cpu
from auditor.elf.search.ld_so_cache import Cache, CacheEntry
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.store import FileStore, StoredFile

_SET_UID = 0o4000


class Query(Struct, frozen=True):
    """One search: a name without `/` and the directories that the needing object brings, in order.

    `nodeflib` is DF_1_NODEFLIB of the needing object. `trusted_only`: a preload of a program in secure mode,
    which must be set-uid and in the default directories.
    """

    name: str
    rpath: tuple[str, ...] = ()
    library_path: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    nodeflib: bool = False
    trusted_only: bool = False


class SearchResult(Struct, frozen=True):
    """What a search came to.

    `path` is "" where it found nothing; else the file was taken, or ended the load with `fatal`. `levels` are
    names of better CPUs for which there is something in the places that were searched. `legacy` is the
    subdirectory of before glibc 2.37 that the file lies in.
    """

    path: str = ""
    stored: StoredFile | None = None
    found_by: str = ""
    fatal: str = ""
    foreign: bool = False
    passed_over: tuple[tuple[str, str], ...] = ()
    other_class: str = ""  # the reason, where a file of the other class was passed over
    levels: frozenset[str] = frozenset()
    legacy: str = ""
    disorder: bool = False


class _Trail(Struct):
    """What one search notes on its way."""

    passed_over: list[tuple[str, str]]
    levels: set[str]
    other_class: str = ""
    disorder: bool = False


class GlibcSearch:
    """Searches of one loader on one kind of machine, memoised over all programs."""

    def __init__(self, store: FileStore, profile: LoaderProfile, cache: Cache | None, cpu: Cpu) -> None:
        self._store = store
        self._profile = profile
        self._cache = cache
        self._cpu = cpu
        self._subdirectories = cpu.subdirectories
        self._results: dict[Query, SearchResult] = {}
        self._known_levels = frozenset((*profile.hwcaps, *profile.legacy_names))

    def find(self, query: Query) -> SearchResult:
        """Search for a bare name."""
        result = self._results.get(query)
        if result is None:
            result = self._results[query] = self._search(query)
        return result

    def open(self, path: str) -> SearchResult:
        """Open exactly one path."""
        trail = _Trail([], set())
        return self._try(path, "path", trail) or _nothing(trail)

    def _search(self, query: Query) -> SearchResult:
        trail = _Trail([], set())
        for directories, found_by in (
            (query.rpath, "rpath"),
            (query.library_path, "LD_LIBRARY_PATH"),
            (query.runpath, "runpath"),
        ):
            result = self._in_directories(query, directories, found_by, trail)
            if result is not None:
                return result
        if not query.trusted_only:
            result = self._in_cache(query, trail)
            if result is not None:
                return result
        if not query.nodeflib:
            result = self._in_directories(query, self._profile.directories, "default", trail)
            if result is not None:
                return result
        return _nothing(trail)

    def _in_directories(
        self, query: Query, directories: tuple[str, ...], found_by: str, trail: _Trail
    ) -> SearchResult | None:
        for directory in directories:
            for subdirectory in self._places(directory, query.name, trail):
                place = f"{directory}/{subdirectory}" if subdirectory else directory
                result = self._try(f"{place}/{query.name}", found_by, trail, trusted_only=query.trusted_only)
                if result is not None:
                    legacy = "" if subdirectory.startswith(HWCAPS_DIRECTORY) else subdirectory
                    return _with(result, trail, legacy)
        return None

    def _places(self, directory: str, name: str, trail: _Trail) -> Iterator[str]:
        """The subdirectories to look into, the directory itself last ("")."""
        names = self._store.names_in(directory or "/")
        if not names:
            return
        if HWCAPS_DIRECTORY in names:
            self._note_levels(f"{directory}/{HWCAPS_DIRECTORY}", self._profile.hwcaps, name, trail)
        if not names.isdisjoint(self._profile.legacy_names):
            self._note_levels(directory, self._profile.legacy_names, name, trail)
        if "tls" in names:
            self._note_levels(f"{directory}/tls", self._profile.legacy_names, name, trail)
        for subdirectory in self._subdirectories:
            first = subdirectory.partition("/")[0]
            if first in names and name in self._store.names_in(f"{directory}/{subdirectory}"):
                yield subdirectory
        if name in names:
            yield ""

    def _note_levels(self, directory: str, levels: tuple[str, ...], name: str, trail: _Trail) -> None:
        present = self._store.names_in(directory)
        for level in levels:
            if level in present and level not in trail.levels and self._has_below(f"{directory}/{level}", name, 2):
                trail.levels.add(level)
                if level not in self._cpu.hwcaps and level != self._cpu.level:
                    trail.passed_over.append((f"{directory}/{level}/{name}", f"only for machines with {level}"))

    def _has_below(self, directory: str, name: str, depth: int) -> bool:
        names = self._store.names_in(directory)
        if name in names:
            return True
        nested = [*self._profile.legacy_always, *self._profile.legacy_names]
        return depth > 0 and any(
            below in names and self._has_below(f"{directory}/{below}", name, depth - 1) for below in nested
        )

    def _in_cache(self, query: Query, trail: _Trail) -> SearchResult | None:
        """One look-up gives one path; where that can't be opened, the name's other entries are never tried."""
        if self._cache is None:
            return None
        entries = [entry for entry in self._cache.lookup(query.name) if self._is_ours(entry)]
        if not entries and self._cache.lists(query.name):
            trail.disorder = not self._cache.lookup(query.name)
        chosen = self._choose(entries, trail)
        if chosen is None:
            return None
        if query.nodeflib and any(chosen.path.startswith(f"{place}/") for place in self._profile.directories):
            return None
        result = self._try(chosen.path, "ld.so.cache", trail)
        return None if result is None else _with(result, trail, "legacy" if chosen.hwcaps is None else "")

    def _is_ours(self, entry: CacheEntry) -> bool:
        wanted = self._profile.cache_flags
        # Where the machine's flags aren't known, the entries for the C library that Linux has.
        return entry.flags == wanted if wanted is not None else entry.flags & 0xFF == 3

    def _choose(self, entries: list[CacheEntry], trail: _Trail) -> CacheEntry | None:
        best: CacheEntry | None = None
        supported = self._cpu.hwcaps
        for entry in entries:
            if entry.hwcaps and entry.hwcaps in self._known_levels:
                self._note_entry(entry, entry.hwcaps, trail)
            if entry.hwcaps and entry.hwcaps not in supported:
                continue
            if entry.hwcaps is None and entry.mask & ~self._cpu.mask:
                trail.levels.update(self._profile.legacy_names)
                continue
            if entry.hwcaps:
                if best is None or supported.index(entry.hwcaps) < supported.index(best.hwcaps or ""):
                    best = entry
            elif best is None:
                return entry
        return best

    def _note_entry(self, entry: CacheEntry, level: str, trail: _Trail) -> None:
        trail.levels.add(level)
        if level not in self._cpu.hwcaps:
            trail.passed_over.append((entry.path, f"only for machines with {level}"))

    def _try(self, path: str, found_by: str, trail: _Trail, *, trusted_only: bool = False) -> SearchResult | None:
        """The result, where the file is taken or ends the load; None where the search goes on."""
        stored = self._store.at(path)
        accepted = accept_candidate(stored, self._profile)
        if trusted_only and accepted.answer is Answer.TAKEN and not (stored.node and stored.node.mode & _SET_UID):
            trail.passed_over.append((path, "a preload of a program in secure mode must be set-uid"))
            return None
        if accepted.answer is Answer.PASSED_OVER:
            trail.passed_over.append((path, accepted.reason))
            if accepted.other_class:
                trail.other_class = accepted.reason
            return None
        return SearchResult(path, stored, found_by, accepted.reason, accepted.foreign)


def _with(result: SearchResult, trail: _Trail, legacy: str) -> SearchResult:
    return replace(
        result,
        passed_over=tuple(dict.fromkeys(trail.passed_over)),
        levels=frozenset(trail.levels),
        legacy=legacy,
        disorder=trail.disorder,
    )


def _nothing(trail: _Trail) -> SearchResult:
    return SearchResult(
        passed_over=tuple(dict.fromkeys(trail.passed_over)),
        other_class=trail.other_class,
        levels=frozenset(trail.levels),
        disorder=trail.disorder,
    )
