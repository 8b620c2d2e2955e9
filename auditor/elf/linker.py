"""The loaders of one image: what starting each of its programs would load, and what would go wrong.

    linker = Linker(tree, env={"PATH": …}, working_dir="/", machine=architecture("amd64"))
    closure = linker.closure("/usr/sbin/ipset")

Files are read, parsed, searched for and bound once for all programs of the tree.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from auditor.budget import Budget, Count
from auditor.elf.bind.judgement import Checks, dlopen_notices, judge
from auditor.elf.bind.static_tls import static_tls
from auditor.elf.model import Closure, LoadedObject, Loader, LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.file import ElfFile, Rest, as_mapped
from auditor.elf.search.environment import runs_secure, surroundings
from auditor.elf.search.execve import Interpreter, find_interpreter, program_problem
from auditor.elf.search.glibc import GlibcLoad
from auditor.elf.search.glibc_search import GlibcSearch
from auditor.elf.search.hwcaps import Cpu, better_cpus, plain_cpu
from auditor.elf.search.ld_so_cache import Cache, CacheTooLarge, read_cache
from auditor.elf.search.loader import LoaderProfile, UnknownLoader, read_profile
from auditor.elf.search.mapped import Mapped, Record, loaded_objects
from auditor.elf.search.musl import MuslLoad, SystemPath, system_path
from auditor.elf.search.store import FileStore, StoredFile
from auditor.filetree import Facts, FileKind, FileTree, facts_of, read_file
from auditor.machine import Architecture

_CACHE_LIMIT = 1 << 22  # bytes; ten times the largest of a full desktop
_PRELOAD_LIMIT = 1 << 16
_FACT = "loader"
_LOADER_LIMIT = 1 << 23  # no dynamic loader is so big


class _Rules(Struct, frozen=True):
    """All that is memoised for one loader."""

    profile: LoaderProfile
    checks: Checks
    searches: dict[str, GlibcSearch]  # by CPU level
    last: SystemPath | None  # musl's
    preload: str  # the text of glibc's ld.so.preload
    unread: tuple[str, ...]  # paths of its own files that are there and could not be read
    plain: Cpu | None  # the machines of glibc's: the least, and those that search more; none of musl's
    better: tuple[Cpu, ...]

    def offers(self, mapped: Mapped, names: Iterable[bytes]) -> bool:
        """Whether an object offers symbols of all these names."""
        return self.checks.binder.definitions(mapped).offers_all(names)


class _Load(Struct, frozen=True):
    """A load that was carried out, for plug-ins to go on from."""

    record: Record
    rules: _Rules
    cpu: Cpu | None
    secure: bool


class Linker:
    """Closures of the programs in a tree.

    `env` is the image's environment, `working_dir` where its programs are started, `machine` what its platform
    runs; None leaves machines unjudged. Nothing here raises on any content of the tree, but LimitExceeded where it asks
    for more work than `budget` allows.
    """

    def __init__(
        self,
        tree: FileTree,
        *,
        env: Mapping[str, str] | None = None,
        working_dir: str = "/",
        machine: Architecture | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget or Budget()
        self._store = FileStore(tree, self._budget.tables)
        self._machine = machine
        self._env = env or {}
        self._around = surroundings(self._env, working_dir)
        self._closures: dict[str, Closure] = {}
        self._loads: dict[tuple[str, str], _Load] = {}
        self._rules: dict[str, _Rules | UnknownLoader] = {}
        self._caches: dict[tuple[str, str], Cache | None] = {}

    def counted(self, path: str) -> Count:
        """Draws from the limit of relocations for who looks at those of the file at `path` beside the linker."""
        return self._budget.relocations.of(path)

    def elf(self, path: str) -> ElfFile | None:
        """The ELF file that `path` leads to; None where there is none."""
        elf = self._store.at(path).elf
        return elf if isinstance(elf, ElfFile) else None

    def profile(self, path: str) -> LoaderProfile | None:
        """The rules of the dynamic loader at `path` (a PT_INTERP); None where it isn't glibc's or musl's."""
        stored = self._store.at(path)
        if not isinstance(stored.elf, ElfFile):
            return None
        rules = self._rules_of(Interpreter(path, stored, stored.elf))
        return None if isinstance(rules, UnknownLoader) else rules.profile

    def closure(self, path: str) -> Closure:
        """What starting the program that `path` leads to would load. Its mode bits aren't judged, its loader's are."""
        stored = self._store.at(path)
        closure = self._closures.get(stored.real_path)
        if closure is None:
            closure = self._closures[stored.real_path] = self._start(stored)
        return closure

    def plugin(self, closure: Closure, path: str, caller: str = "") -> Closure:
        """What the program of `closure` would load besides, when it loads a plug-in by dlopen(3) with RTLD_NOW.

        `caller` is the real path of the object in the closure that calls dlopen (the program by default): names are
        looked up along its paths. The plug-in's symbols are looked up in the program's objects first, then in its
        own. `program` of the answer is the plug-in, `objects` it and all that it needs, loaded before or by it.
        """
        plain = self._plugin(closure.program, "", path, caller)
        if plain is None:
            stored = self._store.at(path)
            message = f"what {closure.program} would load is not known, so neither is what its plug-in would find"
            notice = LoadNotice(NoticeKind.UNKNOWN, stored.real_path, "", message)
            return Closure(stored.real_path, None, closure.loader, (), notices=(notice,))
        variants = [self._plugin(closure.program, variant.variant, path, caller) for variant in closure.variants]
        return replace(plain, variants=tuple(each for each in variants if each is not None and _differ(each, plain)))

    def locate(self, closure: Closure, name: str, caller: str = "") -> str | None:
        """The path that dlopen(3) of `name` by `caller` would open in the program of `closure`; None if none."""
        load = self._loads.get((closure.program, ""))
        if load is None:
            return None
        loading = self._loading(load.record.fork(), load)
        return loading.locate(name, _caller(loading.record, caller))

    def _start(self, stored: StoredFile) -> Closure:
        path = stored.real_path
        problem = program_problem(stored, self._machine)
        elf = stored.elf
        if problem is not None or not isinstance(elf, ElfFile):
            interpreter = elf.interpreter if isinstance(elf, ElfFile) else None
            return Closure(path, interpreter, None, (), () if problem is None else (problem,))
        assert stored.node is not None and stored.node.content is not None  # an ElfFile was read from it
        elf = as_mapped(stored.node.content, elf, Rest.PAGE)
        program = LoadedObject(path, path, path, "program", "", elf.soname)
        if elf.static:
            return Closure(path, None, None, (program,))
        if elf.interpreter is None and elf.soname is not None:
            message = f"{path} is a library that names no dynamic loader: what starting it would do is not judged"
            return Closure(path, None, None, (program,), notices=(LoadNotice(NoticeKind.UNKNOWN, path, "", message),))
        interpreter_found = find_interpreter(self._store, stored, elf, self._around)
        if isinstance(interpreter_found, LoadProblem):
            return Closure(path, elf.interpreter, None, (program,), (interpreter_found,))
        rules = self._rules_of(interpreter_found)
        if isinstance(rules, UnknownLoader):
            message = f"{elf.interpreter} {rules.reason}: what it would load is not known"
            notice = LoadNotice(NoticeKind.UNKNOWN, path, elf.interpreter or "", message)
            return Closure(path, elf.interpreter, None, (program,), notices=(notice,))
        return self._load(stored, elf, interpreter_found, rules)

    def _load(self, stored: StoredFile, elf: ElfFile, interpreter: Interpreter, rules: _Rules) -> Closure:
        assert stored.node is not None  # an ElfFile was read from it
        secure = runs_secure(stored.node)
        plain, levels = self._load_on(stored, elf, interpreter, rules, rules.plain, secure=secure)
        variants: list[Closure] = []
        for cpu in rules.better:
            if cpu.level not in levels:
                continue
            variant, more = self._load_on(stored, elf, interpreter, rules, cpu, secure=secure)
            levels |= more
            if _differ(variant, plain) and not (variants and not _differ(variant, variants[0])):
                variants.insert(0, _with_hwcaps_notices(variant, plain))
        return replace(plain, variants=tuple(variants))

    def _load_on(
        self,
        stored: StoredFile,
        elf: ElfFile,
        interpreter: Interpreter,
        rules: _Rules,
        cpu: Cpu | None,
        *,
        secure: bool,
    ) -> tuple[Closure, set[str]]:
        path = stored.real_path
        program = Mapped(path, path, stored, elf, None, "program")
        record = Record(program, self._budget.needed)
        load = _Load(record, rules, cpu, secure)
        loading = self._loading(record, load)
        loading.start(interpreter.stored, interpreter.elf)
        variant = "" if cpu is None else cpu.level
        self._loads[path, variant] = load
        bind_now = self._binds_now(rules)
        problems = judge(rules.checks, record, record.scope, record.scope, bind_now=bind_now)
        notices = (
            *_relative_interpreter(path, interpreter, self._around.working_dir),
            *_unread(path, rules.unread),
            *record.notices,
            *self._dlopen_notices(load),
        )
        objects = record.objects()
        closure = Closure(path, elf.interpreter, rules.profile.loader, objects, problems, notices)
        return _as_variant(closure, variant), record.levels

    def _dlopen_notices(self, load: _Load) -> Iterable[LoadNotice]:
        if not any(mapped.elf.dlopen for mapped in load.record.scope):
            return ()
        fork = self._loading(load.record.fork(), load)
        return dlopen_notices(fork.record.scope, fork.locate)

    def _plugin(self, program: str, variant: str, path: str, caller: str) -> Closure | None:
        load = self._loads.get((program, variant))
        if load is None:
            return None
        record = load.record.fork()
        loading = self._loading(record, load)
        before = {*record.namespace}
        local = loading.add(path, _caller(record, caller))
        new = [mapped for mapped in local if mapped not in before]
        scope = [*dict.fromkeys((*record.scope, *local))]
        problems = judge(load.rules.checks, record, new, scope, bind_now=True)
        offers = load.rules.offers
        env = {} if load.secure else self._env
        for remark in static_tls(load.rules.profile.loader, offers, new, scope, env, self.counted(path)):
            if isinstance(remark, LoadProblem):
                problems = (*problems, remark)
            else:
                record.notices.append(remark)
        notices = (*record.notices, *dlopen_notices(new, loading.locate))
        real_path = local[0].real_path if local else self._store.at(path).real_path
        loader = load.rules.profile.loader
        closure = Closure(real_path, None, loader, loaded_objects(local), problems, notices)
        return _as_variant(closure, variant)

    def _loading(self, record: Record, load: _Load) -> "GlibcLoad | MuslLoad":
        rules = load.rules
        if load.cpu is None:
            assert rules.last is not None  # musl's rules have it
            return MuslLoad(
                record,
                rules.profile,
                self._store,
                rules.last,
                rules.offers,
                self._around,
                secure=load.secure,
            )
        search = rules.searches.get(load.cpu.level)
        if search is None:
            cache = self._cache(rules.profile)
            search = rules.searches[load.cpu.level] = GlibcSearch(self._store, rules.profile, cache, load.cpu)
        return GlibcLoad(record, rules.profile, load.cpu, search, self._around, rules.preload, secure=load.secure)

    def _binds_now(self, rules: _Rules) -> bool:
        return rules.profile.loader is Loader.MUSL or self._around.bind_now

    def _rules_of(self, interpreter: Interpreter) -> _Rules | UnknownLoader:
        if interpreter.path not in self._rules:
            self._rules[interpreter.path] = self._read_rules(interpreter)
        return self._rules[interpreter.path]

    def _read_rules(self, interpreter: Interpreter) -> _Rules | UnknownLoader:
        profile = self._profile(interpreter)
        if isinstance(profile, UnknownLoader):
            return profile
        last = system_path(self._store, profile) if profile.loader is Loader.MUSL else None
        preload = read_file(self._store.tree, profile.preload, _PRELOAD_LIMIT) if profile.preload else None
        text = (preload or b"").decode("utf-8", "surrogateescape")
        unread = [profile.preload] if self._is_unreadable(profile.preload, _PRELOAD_LIMIT) else []
        try:
            unread += [profile.cache] if self._is_unreadable(profile.cache, _CACHE_LIMIT) else []
            self._cache(profile)
        except CacheTooLarge:
            self._caches[profile.cache, profile.architecture.byte_order] = None
            unread.append(profile.cache)
        checks, is_glibc = Checks.of(profile, self._budget), profile.loader is Loader.GLIBC
        plain, better = (plain_cpu(profile), better_cpus(profile)) if is_glibc else (None, ())
        return _Rules(profile, checks, {}, last, text, tuple(unread), plain, better)

    def _profile(self, interpreter: Interpreter) -> LoaderProfile | UnknownLoader:
        """As it was told for another image that has the same file in the same place, else read."""
        node = interpreter.stored.node
        asked = interpreter.elf, interpreter.path, interpreter.stored.real_path
        facts = Facts() if node is None or node.content is None else facts_of(node.content)
        match facts.known.get(_FACT):
            case elf, path, real_path, LoaderProfile() | UnknownLoader() as known:
                if elf is asked[0] and (path, real_path) == asked[1:]:
                    return known
        data = read_file(self._store.tree, self._around.absolute(interpreter.path), _LOADER_LIMIT)
        if data is None:
            return UnknownLoader("is too large for a dynamic loader, or its bytes could not be read")
        found = read_profile(data, *asked)
        facts.known[_FACT] = *asked, found
        return found

    def _is_unreadable(self, path: str, limit: int) -> bool:
        """Whether there is a file whose bytes are needed and can't be had."""
        node = self._store.tree.find(path).node if path else None
        is_file = node is not None and node.kind is FileKind.REGULAR and node.size > 0
        return is_file and read_file(self._store.tree, path, limit) is None

    def _cache(self, profile: LoaderProfile) -> Cache | None:
        order = profile.architecture.byte_order
        place = (profile.cache, order)
        if place not in self._caches:
            data = read_file(self._store.tree, profile.cache, _CACHE_LIMIT) if profile.cache else None
            self._caches[place] = None if data is None else read_cache(data, order)
        return self._caches[place]


def _caller(record: Record, real_path: str) -> Mapped:
    return next((each for each in record.namespace if each.real_path == real_path), record.program)


def _relative_interpreter(path: str, interpreter: Interpreter, working_dir: str) -> tuple[LoadNotice, ...]:
    if interpreter.path.startswith("/"):
        return ()
    message = f"its loader `{interpreter.path}' depends on the working directory, taken as {working_dir}"
    return (LoadNotice(NoticeKind.RELATIVE_PATH, path, interpreter.path, message),)


def _unread(path: str, files: Iterable[str]) -> Iterator[LoadNotice]:
    for file in files:
        message = f"{file} is too large, or its bytes could not be read: what its loader takes from it is not known"
        yield LoadNotice(NoticeKind.UNKNOWN, path, file, message)


def _as_variant(closure: Closure, level: str) -> Closure:
    if not level:
        return closure
    return replace(
        closure,
        problems=tuple(replace(problem, variant=level) for problem in closure.problems),
        notices=tuple(replace(notice, variant=level) for notice in closure.notices),
        variant=level,
    )


def _differ(one: Closure, other: Closure) -> bool:
    """Whether the level makes a difference to what is loaded or to what goes wrong."""
    if one.objects != other.objects:
        return True
    return {replace(each, variant="") for each in one.problems} != {
        replace(each, variant="") for each in other.problems
    }


def _with_hwcaps_notices(variant: Closure, plain: Closure) -> Closure:
    """The variant, with what only its machines find remarked."""
    absent = {(each.path, each.name) for each in plain.problems if each.fault is LoadFault.LIBRARY_MISSING}
    notices = [
        LoadNotice(
            NoticeKind.HWCAPS_ONLY,
            each.needed_by,
            each.name,
            f"{each.name} is found only on machines with {variant.variant} or better, as {each.path}",
            variant.variant,
        )
        for each in variant.objects
        if (each.needed_by, each.name) in absent
    ]
    return replace(variant, notices=(*variant.notices, *notices))
