"""Rules about loading: what the kernel and the dynamic loader would refuse, in every program that may start."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from auditor.elf.model import MUSL_REFUSES, LoadFault, NoticeKind
from auditor.finding import Finding
from auditor.inventory.model import Problem
from auditor.rules.context import enumerate_names, finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement

_FEW_OBJECTS = 3  # where more than these lack something of one library, it is the library that is wrong


def _problems(context: ImageContext, fault: LoadFault) -> list[Problem]:
    return [problem for problem in context.inventory.problems if problem.fault is fault]


def _rows_of(context: ImageContext, programs: Iterable[str]) -> list[str]:
    """The tool rows whose required programs are among these files, then the row that everything loads.

    The entrypoint's too where the runtime itself starts one of them.
    """
    paths = set(programs)
    rows = []
    for row in context.rows(Kind.TOOL):
        binaries = (binary for name in row.programs for binary in context.behind(row.tool, name))
        if any(binary.resolved_path in paths for binary in binaries):
            rows.append(row.id)
    entry = [context.the_row(Kind.ENTRYPOINT)] if paths.intersection(context.inventory.entry) else []
    return [*rows, context.the_row(Kind.LOADS), *entry]


def _evidence(problems: list[Problem]) -> dict[str, Any]:
    programs = sorted({program for problem in problems for program in problem.programs})
    evidence: dict[str, Any] = {
        "programs": programs,
        "needed_by": sorted({problem.path for problem in problems}),
        "names": sorted({problem.name for problem in problems}),
    }
    variants = sorted({problem.variant for problem in problems} - {""})
    if variants:
        evidence["variants"] = variants
    if not any(problem.at_start for problem in problems):
        evidence["at_start"] = False
    return evidence


def _on_levels(problems: list[Problem]) -> str:
    """A clause for a problem that shows only on machines of some glibc-hwcaps level."""
    variants = {problem.variant for problem in problems}
    return "" if "" in variants else f" (on machines of level {', '.join(sorted(variants))})"


@rule(
    "library-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Install the library, or run ldconfig after moving it.",
)
def library_missing(context: ImageContext) -> Iterator[Finding]:
    """A needed library that the dynamic loader would not find.

    The search is the loader's own: RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.cache and the directories compiled
    into it for glibc; the path file or built-in list for musl (ld.so(8)). Where the library exists outside the
    search path, under another soname, or was deleted by a layer, the finding says so. Symbols that only this
    library would have given are its evidence.
    """
    problems = sorted(_problems(context, LoadFault.LIBRARY_MISSING), key=lambda problem: problem.name)
    for soname, group in groupby(problems, key=lambda problem: problem.name):
        yield _library_finding(context, soname, list(group))


def _library_finding(context: ImageContext, soname: str, problems: list[Problem]) -> Finding:
    known = context.inventory.whereabouts_of(soname.rpartition("/")[2])
    evidence = _evidence(problems)
    evidence["symbols"] = sorted({symbol for problem in problems for symbol in problem.symbols})
    passed_over = sorted({entry for problem in problems for entry in problem.passed_over})
    evidence["passed_over"] = [{"path": path, "reason": reason} for path, reason in passed_over]
    evidence["deleted"] = [{"path": gone.path, "layer": gone.layer} for gone in known.gone]
    evidence["elsewhere"] = [place.path for place in known.elsewhere]
    evidence["siblings"] = list(known.siblings)
    evidence |= context.owner_of_lost(soname.rpartition("/")[2])
    hints, fix, layer = [], "", None
    with_cache = not problems[0].message.startswith(MUSL_REFUSES)  # musl knows no cache and no ldconfig(8)
    suspect = next((problem.suspect for problem in problems if problem.suspect), None)
    if known.gone:
        gone = known.gone[-1]
        layer = gone.layer
        hints.append(f"{context.blame(layer)} deletes {gone.path}")
        fix = f"Keep {gone.path} in {context.blame(layer)}."
    elif suspect:
        layer = suspect.layer
    if known.elsewhere:
        hints.append(f"it lies at {enumerate_names(evidence['elsewhere'])}, where the loader does not look")
        list_it = (
            "list its directory and run ldconfig" if with_cache else "list its directory in the loader's path file"
        )
        fix = fix or f"Move it to a directory that the loader searches, or {list_it}."
    if known.unlinked:
        unlinked = known.unlinked[0].path
        by_whom = " that ldconfig makes" if with_cache else ""
        hints.append(f"{unlinked} is that library, without the link{by_whom}")
        fix = fix or (
            f"Run ldconfig, or link {soname} to {unlinked}." if with_cache else f"Link {soname} to {unlinked}."
        )
    if known.siblings:
        hints.append(f"the image has {enumerate_names(known.siblings)} of that library")
        fix = fix or "Rebuild the program against the library that is shipped, or ship the one that it needs."
    if passed_over:
        hints += [f"{path} is passed over: {reason}" for path, reason in passed_over[:2]]
    if not hints:
        hints += _who_needs_it(context, problems)
    levels = _levels_that_find_it(context, problems)
    if levels:
        evidence["found_on"] = levels
        hints.append(f"only machines of level {levels[-1]} or better find it")
    needed_by = enumerate_names(evidence["needed_by"])
    message = f"{_words(problems[0])} (needed by {needed_by}){_on_levels(problems)}"
    if hints:
        message += ": " + "; ".join(hints)
    rows = _rows_of(context, evidence["programs"])
    documented = _documented_rows(context, soname, set(evidence["programs"]))
    rows = [*documented, *rows]
    return finding(
        "library-missing",
        rows[0],
        soname,
        message + ".",
        severity=Severity.WARNING if levels and not _above_floor(context, levels) else None,
        evidence=evidence,
        layer=layer,
        fix=fix or f"Install the package that has {soname}.",
        affects=rows[1:],
    )


def _words(problem: Problem) -> str:
    """The loader's own words, less what it says before each of them."""
    words = problem.message.removeprefix("error while loading shared libraries: ")
    return words.partition(" (needed by ")[0]  # musl names the one that needs it, here all are named


def _who_needs_it(context: ImageContext, problems: list[Problem]) -> list[str]:
    """Where no layer ever had the library, the one that brought the need for it."""
    layers = {problem.layer for problem in problems}
    blame = context.blame(problems[0].layer) if len(layers) == 1 else ""
    return [f"no layer ever had it, and {blame} brings the need"] if blame else []


def _levels_that_find_it(context: ImageContext, problems: list[Problem]) -> list[str]:
    """The glibc-hwcaps levels on which every one of these needs is met, best first."""
    stopped = {program for problem in problems for program in problem.programs}
    by_level: dict[str, set[str]] = {}
    for notice in context.inventory.notices:
        if notice.kind is NoticeKind.HWCAPS_ONLY and notice.name == problems[0].name:
            by_level.setdefault(notice.variant, set()).update(notice.programs)
    return sorted((level for level, found in by_level.items() if stopped <= found), key=_rank, reverse=True)


def _rank(level: str) -> tuple[int, ...]:
    """A level's place among those of its machine: the numbers in its name."""
    return tuple(map(int, re.findall(r"\d+", level)))


def _above_floor(context: ImageContext, levels: list[str]) -> bool:
    """Whether the spec documents a floor of the processor that is below all of these levels."""
    floor = context.cpu_floor
    return floor is not None and _rank(floor) < _rank(levels[-1])


def _documented_rows(context: ImageContext, soname: str, programs: set[str]) -> list[str]:
    return [
        row.id
        for row in context.rows(Kind.LIBRARY)
        if matches_soname(row, soname)
        and any(binary.resolved_path in programs for binary in context.binaries(row.tools))
    ]


def matches_soname(row: Requirement, soname: str) -> bool:
    """Whether a library row means this soname."""
    return any(fnmatchcase(soname, pattern) for pattern in row.sonames)


@rule(
    "symbol-version-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Ship the library that the program was built against, or a program built for the library that is shipped.",
)
def symbol_version_missing(context: ImageContext) -> Iterator[Finding]:
    """The loader finds the library and then not the version that an object needs of it.

    Before any relocation the loader compares each version need with the version definitions of the library that
    it took (gABI symbol versioning); one that is absent ends the start. Where many objects lack something of one
    library, the finding is about that library.
    """
    yield from _by_object(context, LoadFault.SYMBOL_VERSION_MISSING, "version")


@rule(
    "symbol-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Make the loader take the library that has the symbol: often an older copy hides it.",
)
def symbol_missing(context: ImageContext) -> Iterator[Finding]:
    """A symbol that no object in scope defines: the start fails, or the first call where binding is lazy.

    Undefined weak symbols are tolerated, as the loader does.
    """
    yield from _by_object(context, LoadFault.SYMBOL_MISSING, "symbol")


def _by_object(context: ImageContext, fault: LoadFault, word: str) -> Iterator[Finding]:
    """One finding for each object that lacks something, or for the one library that many objects lack it of."""
    blamed: dict[str, list[Problem]] = {}
    problems = sorted(_problems(context, fault), key=lambda problem: (problem.path, problem.provider, problem.name))
    for problem in problems:
        if _culprit(problem):
            blamed.setdefault(_culprit(problem), []).append(problem)
    causes = {path for path, found in blamed.items() if len({problem.path for problem in found}) > _FEW_OBJECTS}
    for cause in sorted(causes):
        yield _of_one_library(context, fault, word, cause, blamed[cause])
    others = [problem for problem in problems if _culprit(problem) not in causes]
    for (path, provider), group in groupby(others, key=lambda problem: (problem.path, problem.provider)):
        yield _of_one_object(context, fault, word, path, provider, list(group))


def _culprit(problem: Problem) -> str:
    """The library that lacks what is asked of it, or the latest part of what was loaded; "" if none is known."""
    return problem.provider or (problem.suspect.path if problem.suspect else "")


def _of_one_library(
    context: ImageContext, fault: LoadFault, word: str, library: str, problems: list[Problem]
) -> Finding:
    """So many objects can't all be wrong: the library is, and they are what it stops."""
    evidence = _evidence(problems)
    evidence["provider"] = library
    needed_by, count = evidence["needed_by"], len(evidence["names"])
    suspect = next((problem.suspect for problem in problems if problem.suspect), None)
    brought = ""
    if suspect is not None and suspect.path == library:
        evidence["suspect"] = {"path": suspect.path, "layer": suspect.layer}
        brought = f"; {context.blame(suspect.layer)} brought it"
    lacks = f"{library} lacks {count} {word}{'s' if count > 1 else ''} that {len(needed_by)} objects need of it"
    words = _words(problems[0]).removeprefix(f"{library}: ")
    stops = f"it stops {enumerate_names(evidence['programs'])}{brought}"
    message = f"{lacks} ({words}){_on_levels(problems)}; {stops}."
    rows = _rows_of(context, evidence["programs"])
    return finding(
        fault.value,
        rows[0],
        library,
        message,
        evidence=evidence,
        layer=suspect.layer if brought and suspect is not None else None,
        affects=rows[1:],
        fix=f"Make the loader take the {PurePosixPath(library).name} that these were built for, or remove {library}.",
    )


def _of_one_object(
    context: ImageContext, fault: LoadFault, word: str, path: str, provider: str, found: list[Problem]
) -> Finding:
    evidence = _evidence(found)
    if provider:
        evidence["provider"] = provider
    others = len(evidence["names"]) - 1
    more = f" and {others} more {word}{'s' if others > 1 else ''}" if others else ""
    rows = _rows_of(context, evidence["programs"])
    stopped = [program for program in evidence["programs"] if program != path]
    stops = f"; it stops {enumerate_names(stopped)}" if stopped else ""
    suspect = next((problem.suspect for problem in found if problem.suspect), None)
    if suspect:
        evidence["suspect"] = {"path": suspect.path, "layer": suspect.layer}
        stops += f"; {context.blame(suspect.layer)} brought {suspect.path}"
    return finding(
        fault.value,
        rows[0],
        path,
        f"{found[-1].message}{more}{_on_levels(found)}{stops}.",
        evidence=evidence,
        layer=found[0].layer,
        affects=rows[1:],
    )


@rule(
    "interpreter-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Ship the dynamic loader that the program names, or a program built for the image's C library.",
)
def interpreter_missing(context: ImageContext) -> Iterator[Finding]:
    """No dynamic loader at the program's PT_INTERP: the kernel says "not found" of a program that is there.

    A warning where there is one whose rules aren't known, so that what the program would load can't be told.
    """
    yield from _per_file(context, LoadFault.INTERPRETER_MISSING)
    notices = sorted(context.unknown_loads(), key=lambda notice: notice.name)
    for name, group in groupby(notices, key=lambda notice: notice.name):
        found = list(group)
        programs = sorted({program for notice in found for program in notice.programs})
        rows = _rows_of(context, programs)
        yield finding(
            "interpreter-missing",
            rows[0],
            name,
            f"{found[0].message} ({enumerate_names(programs)}).",
            severity=Severity.WARNING,
            evidence={"programs": programs},
            fix="Ship programs for glibc or musl, whose loaders' rules are known.",
            affects=rows[1:],
        )


@rule(
    "architecture-mismatch",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Ship a file of the image's own architecture, or correct the config's architecture.",
)
def architecture_mismatch(context: ImageContext) -> Iterator[Finding]:
    """A program, or a library that its loader takes, is of another machine, class or byte order than the config says.

    The kernel answers `exec format error`. A library that the loader passes over is no finding.
    """
    yield from _other_than_offered(context)
    problems = _problems(context, LoadFault.ARCHITECTURE_MISMATCH)
    total = sum(entry.kind in ("dynamic", "static") for entry in context.inventory.executables)
    if problems and len(problems) * 2 > total:
        yield _whole_image_mismatch(context, problems)
        return
    yield from _per_file(context, LoadFault.ARCHITECTURE_MISMATCH)


def _other_than_offered(context: ImageContext) -> Iterator[Finding]:
    offered, platform = context.inventory.offered_as, context.inventory.platform
    if offered is None or (offered.os, offered.architecture) == (platform.os, platform.architecture):
        return
    yield finding(
        "architecture-mismatch",
        context.the_row(Kind.PLATFORMS),
        str(offered),
        f"The index offers the image as {offered}, and its config says {platform}.",
        evidence={"offered_as": str(offered), "config": str(platform)},
        fix="Push the image under its own platform, or build the one that the index promises.",
    )


def _whole_image_mismatch(context: ImageContext, problems: list[Problem]) -> Finding:
    """Most programs are of another machine: it is the config that is wrong, and one finding says so."""
    evidence = _evidence(problems)
    platform = context.inventory.platform
    rows = _rows_of(context, evidence["programs"])
    return finding(
        "architecture-mismatch",
        context.the_row(Kind.LOADS),
        str(platform),
        f"The config says {platform}, and {len(problems)} programs are of another machine: {problems[0].message}.",
        evidence=evidence,
        fix="Correct the config's architecture, or build the image from the right base.",
        affects=rows,
    )


@rule("elf-malformed", Severity.ERROR, Subject.IMAGE, mend="Replace the file with a sound copy.")
def elf_malformed(context: ImageContext) -> Iterator[Finding]:
    """A program's or library's ELF file that can't be read: truncated, empty, or not what its header says."""
    yield from _per_file(context, LoadFault.ELF_MALFORMED)


def _per_file(context: ImageContext, fault: LoadFault) -> Iterator[Finding]:
    problems = sorted(_problems(context, fault), key=lambda problem: (problem.path, problem.name))
    for path, group in groupby(problems, key=lambda problem: problem.path):
        found = list(group)
        evidence = _evidence(found)
        rows = _rows_of(context, evidence["programs"])
        message = f"{found[0].message}{_on_levels(found)}."
        layer = found[0].layer
        yield finding(fault.value, rows[0], path, message, evidence=evidence, layer=layer, affects=rows[1:])
