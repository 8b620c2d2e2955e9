"""From what was mapped to what would go wrong: versions, then symbols, each fault told once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.budget import Budget
from auditor.elf.bind.lookup import Binder
from auditor.elf.bind.narrow import narrow_fault
from auditor.elf.bind.own_state import own_state_fault
from auditor.elf.bind.relocating import relocation_fault, target_fault
from auditor.elf.bind.versions import VersionCheck
from auditor.elf.model import Loader, LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.symbols import key_text
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped, Record

_MIPS = 8
_LIBC = "libc.so.6"
_FIRST_VERSION = 2  # its index
_HEADER_SIZES = {32: 52, 64: 64}  # of an ELF header
_NOTHING: frozenset[bytes] = frozenset()


#: What ends a start before the loader looks anything up for itself.
_ENDS_BEFORE = (LoadFault.LIBRARY_MISSING, LoadFault.SYMBOL_VERSION_MISSING)


class Checks(Struct, frozen=True):
    """The memoised parts of one loader's judgement."""

    profile: LoaderProfile
    binder: Binder
    versions: VersionCheck
    refusals: dict[tuple[int | Mapped, bool, bool], tuple[str, str]] = field(default_factory=dict)

    @staticmethod
    def of(profile: LoaderProfile, budget: Budget) -> "Checks":
        """Fresh ones, whose look-ups draw from the budget."""
        return Checks(profile, Binder(profile, budget), VersionCheck(profile))


def judge(
    checks: Checks, record: Record, objects: Sequence[Mapped], scope: Sequence[Mapped], *, bind_now: bool
) -> tuple[LoadProblem, ...]:
    """All problems of a load, those of mapping first. Adds remarks to the record.

    `objects` are the ones to check, `scope` where their symbols are looked up. `bind_now`: PLT relocations of
    every object are done at start.
    """
    problems = list(record.problems)
    if checks.profile.loader is Loader.GLIBC:
        absent = frozenset(each.name for each in record.absent)
        report = checks.versions.check(objects, record.namespace, absent)
        problems += report.problems
        record.notices += report.notices
    if checks.profile.architecture.machine == _MIPS:
        message = "symbols were not bound: how this architecture's global offset table does it isn't known here"
        record.notices.append(LoadNotice(NoticeKind.UNKNOWN, record.program.real_path, "", message))
        return tuple(problems)
    searched = checks.binder.scope(scope)
    unresolved = {mapped: checks.binder.unresolved(mapped, searched) for mapped in objects}
    unreadable: dict[int, Mapped] = {}
    # The loader relocates itself, whether anything needs it or not.
    itself = [each for each in record.namespace if each.real_path == checks.profile.real_path]
    relocated = dict.fromkeys((*objects, *(itself if record.program in objects else ())))
    refused = _relocation_faults(checks, relocated, scope, bind_now=bind_now)
    faults = (*refused, *_faults(checks.binder, unresolved, scope))
    for mapped, fault in faults:
        unreadable[len(problems)] = mapped
        problems.append(LoadProblem(LoadFault.ELF_MALFORMED, mapped.real_path, "", f"{mapped.path}: {fault}"))
    evidence: dict[int, list[str]] = {}
    own: list[LoadProblem] = []
    blame = _Blame(record, problems, unreadable)
    asserts = checks.profile.asserts_versions and not all(mapped.elf.versioned for mapped in scope)
    places = _places(scope) if asserts else {}
    for mapped in objects:
        references = checks.binder.references(mapped)
        lazily = not (bind_now or mapped.elf.bind_now)
        if checks.profile.loader is Loader.GLIBC:
            record.notices += _resized(checks.binder, mapped, scope)
        if asserts:
            own += _aborts(checks.binder, mapped, scope, places, references.lazy if lazily else _NOTHING)
        for symbol in sorted(unresolved[mapped]):
            name, version = key_text(symbol)
            index = blame.of(mapped, version)
            if index is not None:
                evidence.setdefault(index, []).append(name)
                continue
            at_start = not lazily or symbol not in references.lazy or symbol in references.copies
            own.append(_symbol_problem(checks.profile.loader, mapped, name, version, at_start=at_start))
        waits = lazily and mapped.real_path != checks.profile.real_path
        for symbol in sorted(checks.binder.unresolved_later(mapped, scope)) if waits else ():
            found = _symbol_problem(checks.profile.loader, mapped, *key_text(symbol), at_start=False)
            own.append(replace(found, message=f"{found.message} (a local one, looked up when it is called)"))
    if record.program in objects and not any(each.fault in _ENDS_BEFORE for each in problems):
        own += _own_lookups(checks, record, scope)
    for index, symbols in evidence.items():
        problems[index] = replace(problems[index], symbols=tuple(sorted(set(symbols))))
    return (*problems, *own)


def _relocation_faults(
    checks: Checks, objects: Iterable[Mapped], scope: Sequence[Mapped], *, bind_now: bool
) -> Iterator[tuple[Mapped, str]]:
    """The objects that the loader would refuse to relocate, each with its words."""
    for mapped in objects:
        is_loader = mapped.real_path == checks.profile.real_path
        lazily = not (bind_now or mapped.elf.bind_now or is_loader)
        place = mapped.alike, lazily, is_loader
        found = checks.refusals.get(place)
        if found is None:
            found = checks.refusals[place] = _refusals(checks, mapped, lazily=lazily, is_loader=is_loader)
        before, after = found
        fault = before or narrow_fault(checks.binder, mapped, scope, lazily=lazily) or after
        if fault:
            yield mapped, fault


def _refusals(checks: Checks, mapped: Mapped, *, lazily: bool, is_loader: bool) -> tuple[str, str]:
    """What there is to refuse in any scope: before its relocations are fitted, and after that."""
    profile = checks.profile
    use = checks.binder.references(mapped).relocations
    fault = relocation_fault(profile.loader, mapped.elf, use, lazily=lazily, is_loader=is_loader)
    if is_loader and profile.checks_own_header and mapped.elf.header_size != _HEADER_SIZES[mapped.elf.bits]:
        fault = "Inconsistency detected by ld.so: Assertion `rtld_ehdr->e_ehsize == sizeof *rtld_ehdr' failed!"
    fault = fault or target_fault(mapped.elf, use)
    after = own_state_fault(checks.binder, mapped, adds_to_calls=profile.adds_to_calls) if is_loader else ""
    return fault, after


def _faults(
    binder: Binder, unresolved: Mapping[Mapped, frozenset[bytes]], scope: Sequence[Mapped]
) -> Iterator[tuple[Mapped, str]]:
    """The objects whose tables can't be read where these look-ups came to them, each with the first reason."""
    missing: frozenset[bytes] = _NOTHING.union(*unresolved.values())
    for mapped in dict.fromkeys((*unresolved, *scope)):
        definitions = binder.definitions(mapped)
        faults = [binder.references(mapped).fault] if mapped in unresolved else []
        faults += [definitions.fault, *(fault for key, fault in definitions.faults.items() if key in missing)]
        fault = next((each for each in faults if each), "")
        if fault:
            yield mapped, fault


class _Blame:
    """Which problem already told explains that a symbol is not there."""

    def __init__(self, record: Record, problems: Sequence[LoadProblem], unreadable: Mapping[int, Mapped]) -> None:
        self._absent = record.absent
        self._unreadable = unreadable
        self._versions = {
            (problem.path, problem.name): index
            for index, problem in enumerate(problems)
            if problem.fault is LoadFault.SYMBOL_VERSION_MISSING
        }

    def of(self, mapped: Mapped, version: str) -> int | None:
        """The index of the missing version, or of the library that is missing or can't be read and would have had
        it; None where it should be there.
        """
        files = _files_of(mapped, version)
        for file in files:
            index = self._versions.get((mapped.real_path, f"{version} ({file})"))
            if index is not None:
                return index
        candidates = [each for each in self._absent if not files or each.name in files]
        mine = [each for each in candidates if each.needer is mapped]
        libraries = [each.problem for each in (*mine, *candidates)]
        libraries += [index for index, each in self._unreadable.items() if not files or each.names & set(files)]
        return next(iter(libraries), None)


def _files_of(mapped: Mapped, version: str) -> tuple[str, ...]:
    """The libraries that an object expects a version of; none for a reference without version."""
    if not version:
        return ()
    return tuple(need.file for need in mapped.elf.needs if any(needed.name == version for needed in need.versions))


def _places(scope: Sequence[Mapped]) -> Mapping[str, int]:
    """Where in the scope the first object is that answers to a name."""
    places: dict[str, int] = {}
    for number, mapped in enumerate(scope):
        for name in mapped.names:
            places.setdefault(name, number)
    return places


def _aborts(
    binder: Binder, mapped: Mapped, scope: Sequence[Mapped], places: Mapping[str, int], lazy: frozenset[bytes]
) -> Iterable[LoadProblem]:
    for symbol, provider in binder.aborting_references(mapped, scope, places):
        name, version = key_text(symbol)
        message = (
            "Inconsistency detected by ld.so: dl-lookup.c: check_match: Assertion `version->filename == NULL || "
            "! _dl_name_match_p (version->filename, map)' failed! "
            f"({mapped.path} needs {name}, version {version}, and {provider.path} has no versions at all)"
        )
        label = f"{version} ({provider.name})"
        yield LoadProblem(
            LoadFault.SYMBOL_VERSION_MISSING,
            mapped.real_path,
            label,
            message,
            at_start=symbol not in lazy,
            provider=provider.real_path,
        )


def _resized(binder: Binder, mapped: Mapped, scope: Sequence[Mapped]) -> Iterable[LoadNotice]:
    for name, provider in binder.resized_copies(mapped, scope):
        message = (
            f"{mapped.path}: Symbol `{name}' has different size in shared object, consider re-linking ({provider.path})"
        )
        yield LoadNotice(NoticeKind.SIZE_DIFFERS, mapped.real_path, name, message)


def _own_lookups(checks: Checks, record: Record, scope: Sequence[Mapped]) -> Iterable[LoadProblem]:
    """What the loader itself looks up, when all is relocated, and doesn't find."""
    libc = next((mapped for mapped in scope if _LIBC in mapped.names), None)
    if libc is None:
        return
    # The C library's locks have its first version; they and its beginning are taken with no other version.
    first = next((each.name for each in libc.elf.definitions if each.index == _FIRST_VERSION and not each.base), "")
    exact = {b"pthread_mutex_lock": first.encode(), b"__libc_early_init": b"GLIBC_PRIVATE"}
    order = [checks.binder.definitions(mapped) for mapped in (libc, *scope)]  # it has nearly all of them
    for name in checks.profile.looks_up:
        if all(definitions.find(name) is None for definitions in order):
            found = _symbol_problem(checks.profile.loader, record.program, name.decode(), "", at_start=True)
            yield replace(found, provider=libc.real_path)
        elif name in exact and not checks.binder.definitions(libc).has_exactly(name, exact[name]):
            lacking = f"{libc.path} has no {name.decode()} of version {exact[name].decode() or 'number 2'}"
            message = f"Inconsistency detected by ld.so: Assertion `sym != NULL' failed! ({lacking})"
            yield LoadProblem(LoadFault.ELF_MALFORMED, libc.real_path, name.decode(), message)


def _symbol_problem(loader: Loader, mapped: Mapped, name: str, version: str, *, at_start: bool) -> LoadProblem:
    if loader is Loader.MUSL:
        message = f"Error relocating {mapped.path}: {name}: symbol not found"
    else:
        message = f"symbol lookup error: {mapped.path}: undefined symbol: {name}"
        message += f", version {version}" if version else ""
    return LoadProblem(LoadFault.SYMBOL_MISSING, mapped.real_path, name, message, at_start=at_start)


def dlopen_notices(objects: Iterable[Mapped], locate: Callable[[str, Mapped], str | None]) -> Iterable[LoadNotice]:
    """What the objects say that they may load later by name (`.note.dlopen`), and whether it would be found."""
    for mapped in objects:
        for note in mapped.elf.dlopen:
            names = "|".join(note.sonames)
            place = next((path for path in (locate(name, mapped) for name in note.sonames) if path), None)
            what = f"{note.feature}: {note.description}" if note.feature else note.description
            found = f"found as {place}" if place else "not found"
            message = f"may load {names} ({what or 'no description'}; {note.priority}): {found}"
            yield LoadNotice(NoticeKind.DLOPEN, mapped.real_path, names, message)
