"""Which objects glibc maps for a program, in which order (`dl_main` in its rtld.c, dl-deps.c, dl-load.c)."""

import posixpath
from collections.abc import Iterator

from auditor.elf.model import LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.search.accept import Acceptance, Answer, accept_library, accept_opened
from auditor.elf.search.environment import Surroundings
from auditor.elf.search.glibc_search import GlibcSearch, Query, SearchResult
from auditor.elf.search.hwcaps import Cpu
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped, Record
from auditor.elf.search.store import StoredFile
from auditor.elf.search.tokens import PathList, Tokens, split_path

_DEPENDENCIES = frozenset((Tag.NEEDED, Tag.FILTER, Tag.AUXILIARY))


class _Failure(Exception):
    """Why an object can't be mapped; `result` is what the search came to."""

    def __init__(self, fault: LoadFault, message: str, result: SearchResult) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.result = result


class GlibcLoad:
    """One load on one kind of machine, from the program or, for a plug-in, from what is already there.

    `preload_file` is the text of the loader's `ld.so.preload`.
    """

    def __init__(
        self,
        record: Record,
        profile: LoaderProfile,
        cpu: Cpu,
        search: GlibcSearch,
        around: Surroundings,
        preload_file: str,
        *,
        secure: bool,
    ) -> None:
        self.record = record
        self._profile = profile
        self._cpu = cpu
        self._search = search
        self._around = around
        self._preload_file = preload_file
        self._secure = secure
        self._opening = False  # by dlopen(3), while the program runs
        program = record.program
        self._library_path = PathList()
        if not secure:
            self._library_path = split_path(around.library_path, ":;", self._tokens(program), around.working_dir)

    def start(self, interpreter: StoredFile, interpreter_elf: ElfFile) -> None:
        """Map everything that the program needs at its start."""
        record = self.record
        program = record.program
        program.names.add("")  # the program's name in the list of objects (l_name)
        record.namespace.add(program)
        self._set_paths(program)
        name = self._profile.path
        loader = Mapped(name, name, interpreter, interpreter_elf, None, "interpreter", {name})
        record.namespace.add(loader)
        record.notices += self._path_notices(program, "LD_LIBRARY_PATH", self._library_path)
        record.scope = self._with_needs([program, *self._preloads(program)])

    def add(self, path: str, caller: Mapped) -> list[Mapped]:
        """Map a plug-in as dlopen(3) called by `caller` would; it and its needs, breadth-first. Empty if refused."""
        self._opening = True
        try:
            plugin = self._map(path, caller, found_by="path")
        except _Failure as failure:
            self._fail(caller, path, failure)
            return []
        return self._with_needs([plugin])

    def locate(self, name: str, caller: Mapped) -> str | None:
        """The path that dlopen(3) of `name` would open; None if it would fail."""
        self._opening = True
        try:
            return self._map(name, caller).path
        except _Failure:
            return None

    # Names and identity

    def _map(self, name: str, needer: Mapped, *, found_by: str = "", preload: bool = False) -> Mapped:
        """The object for a name: one that is there by name, by soname or as the same file, else newly mapped."""
        known = self.record.namespace.named_or_titled(name)
        if known is not None:
            self.record.namespace.call(known, name)
            return known
        result = self._find(name, needer, preload=preload)
        self.record.levels |= result.levels
        if result.stored is None:
            raise _missing(name, result)
        path, stored = result.path, result.stored
        if result.fatal:
            raise _refused(path, result, Acceptance(Answer.FATAL, result.fatal, result.foreign))
        same = self.record.namespace.of_file(stored.identity)
        if same is not None:
            self.record.namespace.call(same, name)
            return same
        elf = stored.elf
        assert isinstance(elf, ElfFile)  # anything else is refused by the search
        accepted = accept_library(elf, self._profile)
        if self._opening and accepted.answer is Answer.TAKEN:
            started = (each.elf for each in self.record.namespace if each.found_by != "interpreter")
            accepted = accept_opened(elf, started, self._profile)
        if accepted.answer is Answer.FATAL:
            raise _refused(path, result, accepted)
        mapped = Mapped(name, path, stored, elf, needer, found_by or result.found_by, {name, path})
        self._set_paths(mapped)
        self._note_find(mapped, name, result)
        self.record.namespace.add(mapped)
        return mapped

    def _find(self, name: str, needer: Mapped, *, preload: bool) -> SearchResult:
        if "/" in name:
            return self._search.open(self._around.absolute(name))
        query = Query(
            name,
            self._rpath(needer),
            self._library_path.directories,
            needer.runpath.directories,
            needer.elf.nodeflib,
            preload and self._secure,
        )
        return self._search.find(query)

    def _rpath(self, needer: Mapped) -> tuple[str, ...]:
        """DT_RPATH of the needing object, of the one that needed that, and so on; then the program's."""
        if needer.elf.runpath is not None:
            return ()
        directories: list[str] = []
        link: Mapped | None = needer
        last = needer
        while link is not None:
            directories += link.rpath.directories
            last, link = link, link.needer
        if last is not self.record.program:
            directories += self.record.program.rpath.directories
        return tuple(directories)

    # Tokens

    def _tokens(self, mapped: Mapped) -> Tokens:
        is_program = mapped is self.record.program
        opened = mapped.real_path if is_program else mapped.path
        return Tokens(
            posixpath.dirname(opened),
            self._profile.lib,
            self._cpu.platform,
            self._secure,
            self._profile.directories if self._secure and is_program else None,
        )

    def _set_paths(self, mapped: Mapped) -> None:
        elf = mapped.elf
        if elf.rpath is None and elf.runpath is None:
            return
        if "PLATFORM" in f"{elf.rpath}{elf.runpath}":
            self.record.levels.update(self._profile.cpus)
        tokens = self._tokens(mapped)
        mapped.runpath = split_path(elf.runpath, ":", tokens, self._around.working_dir)
        if elf.runpath is None:
            mapped.rpath = split_path(elf.rpath, ":", tokens, self._around.working_dir)
        self.record.notices += self._path_notices(mapped, "RPATH", mapped.rpath)
        self.record.notices += self._path_notices(mapped, "RUNPATH", mapped.runpath)

    def _path_notices(self, mapped: Mapped, what: str, paths: PathList) -> Iterator[LoadNotice]:
        for entry in paths.relative:
            message = f"{what} entry `{entry}' depends on the working directory, taken as {self._around.working_dir}"
            yield LoadNotice(NoticeKind.RELATIVE_PATH, mapped.real_path, entry, message)
        for entry in paths.unknown:
            message = f"{what} entry `{entry}' was left out: it depends on the CPU, or the list is too long"
            yield LoadNotice(NoticeKind.UNKNOWN, mapped.real_path, entry, message)

    # Preloads

    def _preloads(self, program: Mapped) -> list[Mapped]:
        around = self._around
        names = [
            (name, "LD_PRELOAD")
            for name in around.preload.replace(":", " ").split(" ")
            if name and not (self._secure and "/" in name)
        ]
        names += [(name, self._profile.preload) for name in preload_names(self._preload_file)]
        found = []
        for name, source in names:
            before = len(self.record.namespace)
            try:
                mapped = self._map(name, program, found_by="preload", preload=True)
            except _Failure as failure:
                reason = failure.message.removeprefix(f"{name}: ").removesuffix(": No such file or directory")
                message = f"ERROR: ld.so: object '{name}' from {source} cannot be preloaded ({reason}): ignored."
                notice = LoadNotice(NoticeKind.PRELOAD_IGNORED, program.real_path, name, message)
                self.record.notices.append(notice)
                continue
            if len(self.record.namespace) > before:
                found.append(mapped)
        return found

    # Needs

    def _with_needs(self, order: list[Mapped]) -> list[Mapped]:
        """The objects and all that they need, breadth-first; a filter's library goes before the filter."""
        done: set[Mapped] = set()
        placed = {*order}
        position = 0
        while position < len(order):
            mapped = order[position]
            position += 1
            if mapped in done:
                continue
            done.add(mapped)
            self.record.count_needs(mapped)
            for tag, name in dependencies(mapped.elf):
                needed = self._need(tag, name, mapped)
                if needed is None:
                    continue
                if tag is Tag.NEEDED:
                    if needed not in placed:
                        placed.add(needed)
                        order.append(needed)
                elif needed not in placed or order.index(needed) > order.index(mapped):
                    if needed in placed:
                        order.remove(needed)
                    placed.add(needed)
                    order.insert(order.index(mapped), needed)
                    position = 0
        return order

    def _need(self, tag: Tag, name: str, needer: Mapped) -> Mapped | None:
        expanded = self._tokens(needer).expand(name)
        if expanded is None or (name and not expanded):
            if tag is not Tag.AUXILIARY:
                reason = f"{name}: empty dynamic string token substitution"
                self._fail(needer, name, _Failure(LoadFault.LIBRARY_MISSING, reason, SearchResult()))
            return None
        try:
            return self._map(expanded, needer)
        except _Failure as failure:
            if tag is not Tag.AUXILIARY:
                self._fail(needer, expanded, failure)
            return None

    def _fail(self, needer: Mapped, name: str, failure: _Failure) -> None:
        result = failure.result
        at_fault = needer.real_path if result.stored is None else result.stored.real_path
        message = f"error while loading shared libraries: {failure.message}"
        problem = LoadProblem(failure.fault, at_fault, name, message, passed_over=result.passed_over)
        self.record.miss(needer, name, problem)
        self._note_find(needer, name, result)

    def _note_find(self, mapped: Mapped, name: str, result: SearchResult) -> None:
        if result.legacy:
            message = f"taken from the legacy hardware-capability place {result.path}, before any other"
            self.record.notices.append(LoadNotice(NoticeKind.LEGACY_HWCAPS, mapped.real_path, name, message))
        if result.disorder:
            message = f"listed in {self._profile.cache}, but not where the loader's binary search looks for {name}"
            self.record.notices.append(LoadNotice(NoticeKind.CACHE_DISORDER, mapped.real_path, name, message))


def dependencies(elf: ElfFile) -> Iterator[tuple[Tag, str]]:
    """DT_NEEDED, DT_FILTER and DT_AUXILIARY with their names, in the order of the dynamic section."""
    names = {Tag.NEEDED: iter(elf.needed), Tag.FILTER: iter(elf.filters), Tag.AUXILIARY: iter(elf.auxiliaries)}
    for number, _ in elf.tags:
        if number in _DEPENDENCIES:
            tag = Tag(number)
            name = next(names[tag], None)
            if name is not None:
                yield tag, name


def preload_names(text: str) -> list[str]:
    """The names in `/etc/ld.so.preload`, comments blanked as glibc does: it looks for each from the file's start,
    but only as far as there were bytes left after the one before, so that a later one may be taken for names.
    """
    characters = [*text]
    rest = len(characters)
    while rest > 0:
        try:
            at = characters.index("#", 0, rest)
        except ValueError:
            break
        rest -= at
        while True:
            characters[at] = " "
            rest -= 1
            at += 1
            if rest <= 0 or characters[at] == "\n":
                break
    blanked = "".join(characters)
    for separator in ":\t\n":
        blanked = blanked.replace(separator, " ")
    return [name for name in blanked.split(" ") if name]


def _missing(name: str, result: SearchResult) -> _Failure:
    reason = result.other_class or "cannot open shared object file: No such file or directory"
    return _Failure(LoadFault.LIBRARY_MISSING, f"{name}: {reason}", result)


def _refused(path: str, result: SearchResult, accepted: Acceptance) -> _Failure:
    fault = LoadFault.ARCHITECTURE_MISMATCH if accepted.foreign else LoadFault.ELF_MALFORMED
    return _Failure(fault, f"{path}: {accepted.reason}", result)
