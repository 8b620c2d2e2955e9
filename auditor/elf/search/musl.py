"""Which objects musl's loader maps for a program and where it finds them (`load_library` and what it calls, in its
dynlink.c). It knows no cache, no capabilities of the CPU, no soname, and treats DT_RPATH and DT_RUNPATH alike.
"""

import posixpath
import re
from collections.abc import Callable
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from auditor.elf.bind.relocating import relocation_fault
from auditor.elf.model import MUSL_REFUSES, Loader, LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.file import ElfFile, FileType, NotElf, Rest, as_mapped
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.relocation_use import relocation_use
from auditor.elf.search.environment import Surroundings
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped, Record
from auditor.elf.search.mapping import musl_mapping_fault
from auditor.elf.search.store import FileStore, StoredFile
from auditor.elf.search.tokens import PathList
from auditor.filetree import FileKind, LookupFault
from auditor.machine import describe

_RESERVED = re.compile(r"lib(?:c|pthread|rt|m|dl|util|xnet)\.")
_ORIGIN = re.compile(r"\$ORIGIN|\$\{ORIGIN\}")
_NAME_MAX = 255
_PATH_FILE_LIMIT = 1 << 16
_IS_LIBC = (b"__libc_start_main", b"stdin")
_NO_FILE = "No such file or directory"


class SystemPath(Struct, frozen=True):
    """The directories that are searched last. `source` says whose: "path file" or "default"."""

    directories: tuple[str, ...]
    source: str
    unknown: str = ""  # a path file that is there and whose bytes weren't kept


def system_path(store: FileStore, profile: LoaderProfile) -> SystemPath:
    """The path file beside the loader's directory, which replaces the built-in list where it exists."""
    prefix = posixpath.dirname(posixpath.dirname(profile.path)).rstrip("/")
    path = f"{prefix}{profile.path_file}"
    stored = store.at(path)
    if stored.node is None:
        missing = stored.fault in (LookupFault.MISSING, LookupFault.DANGLING, None)
        return SystemPath(profile.directories if missing else (), "default" if missing else "path file")
    if stored.node.kind is not FileKind.REGULAR:
        return SystemPath((), "path file")
    if stored.node.content is None:
        return SystemPath((), "path file", path if stored.node.size else "")
    text = stored.node.content.read(0, _PATH_FILE_LIMIT).partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return SystemPath(_split(text), "path file")


class MuslLoad:
    """One load, from the program or, for a plug-in, from what is already there.

    `exported` gives the names of the symbols that an object offers: they tell libc under another name.
    """

    def __init__(
        self,
        record: Record,
        profile: LoaderProfile,
        store: FileStore,
        last: SystemPath,
        offers: Callable[[Mapped, tuple[bytes, ...]], bool],
        around: Surroundings,
        *,
        secure: bool,
    ) -> None:
        self.record = record
        self._profile = profile
        self._store = store
        self._last = last
        self._offers = offers
        self._around = around
        self._secure = secure
        self._library_path = () if secure else _split(around.library_path)

    def start(self, interpreter: StoredFile, interpreter_elf: ElfFile) -> None:
        """Map everything that the program needs at its start."""
        record = self.record
        program = record.program
        name = self._profile.path
        loader = Mapped(name, name, interpreter, interpreter_elf, None, "interpreter")
        record.namespace.add(program)
        record.namespace.add(loader)
        self._set_path(program)
        record.scope.append(program)
        for preload in () if self._secure else re.split("[ :]", self._around.preload):
            self._preload(preload)
        self._load_needs(record.scope)
        if self._last.unknown:
            message = f"{self._last.unknown} names the directories to search, and its bytes could not be read"
            record.notices.append(LoadNotice(NoticeKind.UNKNOWN, program.real_path, self._last.unknown, message))

    def add(self, path: str, caller: Mapped) -> list[Mapped]:
        """Map a plug-in as dlopen(3) called by `caller` would; it and its needs. Empty if refused."""
        plugin = self._map(path, caller)
        if isinstance(plugin, LoadProblem):
            self.record.miss(caller, path, plugin)
            return []
        local = [plugin]
        self._load_needs(local)
        return local

    def locate(self, name: str, caller: Mapped) -> str | None:
        """The path that dlopen(3) of `name` would open; None if it would fail."""
        mapped = self._map(name, caller)
        return None if isinstance(mapped, LoadProblem) else mapped.path

    def _preload(self, name: str) -> None:
        if not name:
            return
        mapped = self._map(name, self.record.program)
        if isinstance(mapped, LoadProblem):
            message = f"object '{name}' from LD_PRELOAD is silently ignored: {mapped.message}"
            self.record.notices.append(
                LoadNotice(NoticeKind.PRELOAD_IGNORED, self.record.program.real_path, name, message)
            )
        elif mapped not in self.record.scope:
            mapped.found_by = "preload" if mapped.found_by != "interpreter" else mapped.found_by
            self.record.scope.append(mapped)

    def _load_needs(self, order: list[Mapped]) -> None:
        placed = {*order}
        for mapped in order:  # grows while it is walked
            self.record.count_needs(mapped)
            # The loader is taken to need nothing (`ldso.deps` in musl's dynlink.c).
            for name in () if mapped.real_path == self._profile.real_path else mapped.elf.needed:
                needed = self._map(name, mapped)
                if isinstance(needed, LoadProblem):
                    self.record.miss(mapped, name, needed)
                elif needed not in placed:
                    placed.add(needed)
                    order.append(needed)

    def _map(self, name: str, needer: Mapped) -> Mapped | LoadProblem:
        """The object for a name; the problem, where there is none."""
        if _RESERVED.match(name) or name in ("libc.so", self._profile.path):
            return self._itself(name, needer)
        passed_over: list[tuple[str, str]] = []
        if "/" in name:
            path, stored, found_by = name, self._store.at(self._around.absolute(name)), "path"
            if stored.node is None:
                return self._missing(name, needer, passed_over)
        else:
            known = self.record.namespace.named(name)
            if known is not None:
                return known
            found = self._search(name, needer, passed_over)
            if found is None:
                return self._missing(name, needer, passed_over)
            path, stored, found_by = found
        same = self.record.namespace.of_file(stored.identity)
        if same is not None:
            if "/" not in name and not same.names:
                self.record.namespace.call(same, posixpath.basename(same.path))
            return same
        return self._new(name, needer, path, stored, found_by)

    def _itself(self, name: str, needer: Mapped) -> Mapped:
        loader = next(islice(self.record.namespace, 1, None))
        if loader.found_by == "interpreter":
            loader.name, loader.needer, loader.found_by = name, needer, "reserved name"
        return loader

    def _new(self, name: str, needer: Mapped, path: str, stored: StoredFile, found_by: str) -> Mapped | LoadProblem:
        elf = _as_mapped(stored)
        refusal = _refusal(stored, elf)
        if refusal:
            return self._problem(LoadFault.ELF_MALFORMED, name, needer, refusal, stored)
        assert isinstance(elf, ElfFile)
        if elf.bits != self._profile.architecture.bits:
            return self._problem(LoadFault.ARCHITECTURE_MISMATCH, name, needer, "Exec format error", stored)
        if not self._profile.architecture.runs(elf):
            # The loader doesn't look at the machine. What relocates as its own is taken for it.
            own = self._as_own(stored, elf)
            if own is None:
                reason = f"it is for another machine ({describe(elf)}), and the loader would not notice"
                return self._problem(LoadFault.ARCHITECTURE_MISMATCH, name, needer, reason, stored)
            elf = own
        mapped = Mapped(name, path, stored, elf, needer, found_by, set() if "/" in name else {name})
        if self._offers(mapped, _IS_LIBC):
            return self._itself(name, needer)
        self._set_path(mapped)
        self.record.namespace.add(mapped)
        return mapped

    def _as_own(self, stored: StoredFile, elf: ElfFile) -> ElfFile | None:
        """The file as one of this machine, if it asks for nothing that only others know."""
        target = self._profile.architecture
        own = replace(elf, machine=target.machine)
        if own.byte_order != target.byte_order or stored.node is None or stored.node.content is None:
            return None
        try:
            use = relocation_use(own.memory(stored.node.content), own, musl=True)
        except Unreadable:
            return None
        kinds = use.kinds | use.calls | use.counted
        return own if kinds and not relocation_fault(Loader.MUSL, own, use, lazily=False) else None

    def _problem(self, fault: LoadFault, name: str, needer: Mapped, reason: str, stored: StoredFile) -> LoadProblem:
        message = f"{MUSL_REFUSES} {name}: {reason} (needed by {needer.path})"
        return LoadProblem(fault, stored.real_path, name, message)

    def _missing(self, name: str, needer: Mapped, passed_over: list[tuple[str, str]]) -> LoadProblem:
        message = f"{MUSL_REFUSES} {name}: {_NO_FILE} (needed by {needer.path})"
        return LoadProblem(LoadFault.LIBRARY_MISSING, needer.real_path, name, message, passed_over=tuple(passed_over))

    def _search(
        self, name: str, needer: Mapped, passed_over: list[tuple[str, str]]
    ) -> tuple[str, StoredFile, str] | None:
        """LD_LIBRARY_PATH, the paths of the needing object and of those that needed it, then the system's path."""
        if len(name) > _NAME_MAX:
            return None
        places = [(self._library_path, "LD_LIBRARY_PATH")]
        link: Mapped | None = needer
        while link is not None:
            places.append((link.rpath.directories, "rpath" if link.elf.runpath is None else "runpath"))
            link = link.needer
        places.append((self._last.directories, self._last.source))
        for directories, found_by in places:
            for directory in directories:
                place = self._around.absolute(directory)
                if not self._is_worth_a_look(place, name):
                    continue
                path = f"{place}/{name}"
                stored = self._store.at(path)
                if stored.node is not None:
                    return path, stored, found_by
                if stored.fault is LookupFault.DANGLING:
                    passed_over.append((path, "dangling link"))
                elif stored.fault is LookupFault.LOOP:
                    passed_over.append((path, "too many levels of symbolic links: the search ends here"))
                    return None
        return None

    def _is_worth_a_look(self, directory: str, name: str) -> bool:
        """False where no such name is in the directory, which is nearly always; a broken link says more."""
        names = self._store.names_in(directory)
        broken = (LookupFault.DANGLING, LookupFault.LOOP)
        return name in names or (not names and self._store.at(directory).fault in broken)

    def _set_path(self, mapped: Mapped) -> None:
        """DT_RUNPATH, else DT_RPATH. Any token but $ORIGIN makes the loader drop all of it."""
        text = mapped.elf.rpath if mapped.elf.runpath is None else mapped.elf.runpath
        if not text:
            return
        is_program = mapped is self.record.program
        origin = posixpath.dirname(mapped.real_path if is_program else mapped.path)
        if "$" in text:
            if "$" in _ORIGIN.sub("", text) or (self._secure and (is_program or not origin.startswith("/"))):
                return
            text = _ORIGIN.sub(lambda _: origin, text)
        directories = _split(text)
        mapped.rpath = PathList(directories)
        for entry in directories:
            if not entry.startswith("/"):
                message = f"RPATH entry `{entry}' depends on the working directory, taken as {self._around.working_dir}"
                self.record.notices.append(LoadNotice(NoticeKind.RELATIVE_PATH, mapped.real_path, entry, message))


def _split(text: str) -> tuple[str, ...]:
    """Entries between colons and newlines; empty ones are nothing, not the working directory."""
    return tuple(entry for entry in re.split("[:\n]", text) if entry)


def _as_mapped(stored: StoredFile) -> ElfFile | NotElf | None:
    """The file as musl maps it."""
    if not isinstance(stored.elf, ElfFile) or stored.node is None or stored.node.content is None:
        return stored.elf
    return as_mapped(stored.node.content, stored.elf, Rest.ALL)


def _refusal(stored: StoredFile, elf: ElfFile | NotElf | None) -> str:
    """Why a file that was opened can't be mapped, in the loader's words; "" where it can."""
    if stored.node is not None and stored.node.kind is FileKind.DIRECTORY:
        return "Is a directory"
    if elf is None or isinstance(elf, NotElf):
        return "Exec format error"
    if elf.type not in (FileType.DYN, FileType.EXEC) or not elf.segments or not elf.is_dynamic:
        return "Exec format error"
    return musl_mapping_fault(elf) or elf.fault or ""
