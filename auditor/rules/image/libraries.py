"""Documented libraries: linked, shipped, not linked, or missing."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from auditor.elf.model import LoadFault
from auditor.finding import Finding
from auditor.inventory.model import Binary
from auditor.rules.context import enumerate_names, finding
from auditor.rules.image.context import ImageContext
from auditor.rules.image.loading import matches_soname
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement

_NOT_STARTED = frozenset((LoadFault.INTERPRETER_MISSING, LoadFault.ARCHITECTURE_MISMATCH, LoadFault.ELF_MALFORMED))
LINKED, SHIPPED, NOT_LINKED, MISSING = "linked", "shipped", "not-linked", "missing"


def library_state(context: ImageContext, row: Requirement) -> str | None:
    """One of the four states of a library row; None where the image has no program of the tool to ask."""
    binaries = [binary for binary in context.binaries(row.tools) if not _cannot_tell(context, binary)]
    if not binaries:
        return None
    programs = {binary.resolved_path for binary in binaries}
    missing = (problem for problem in context.inventory.problems if problem.fault is LoadFault.LIBRARY_MISSING)
    if any(matches_soname(row, problem.name) and programs & set(problem.programs) for problem in missing):
        return MISSING
    if any(matches_soname(row, entry.soname) for binary in binaries for entry in binary.closure):
        return LINKED
    return SHIPPED if _shipped(context, row) else NOT_LINKED


def _cannot_tell(context: ImageContext, binary: Binary) -> bool:
    """No loader got as far as the program's needs, or none is known, so what it links is not known either."""
    return bool(context.unknown_start(binary)) or any(
        problem.fault in _NOT_STARTED for problem in context.problems_of(binary) if not binary.closure
    )


def _shipped(context: ImageContext, row: Requirement) -> list[str]:
    return [
        library.path
        for library in context.inventory.libraries
        if any(fnmatchcase(library.name, pattern) for pattern in row.sonames)
    ]


@rule(
    "library-not-linked",
    Severity.NOTE,
    Subject.IMAGE,
    mend="Nothing to mend, unless the document is to be kept word for word (--strict).",
)
def library_not_linked(context: ImageContext) -> Iterator[Finding]:
    """A documented library that this build of the tool doesn't link.

    Builds changed over the years (iputils dropped openssl and sysfsutils), so it is a note; `--strict` reads the
    document literally and makes it an error, and so does a row with a `severity` of its own.
    """
    for row in context.rows(Kind.LIBRARY):
        state = library_state(context, row)
        if state not in (SHIPPED, NOT_LINKED):
            continue
        shipped = _shipped(context, row)
        tail = f", though the image has {enumerate_names(shipped, 2)}" if shipped else ""
        yield finding(
            "library-not-linked",
            row.id,
            row.sonames[0],
            f"No program of {' or '.join(row.tools)} links {' or '.join(row.sonames)}{tail}.",
            severity=Severity.ERROR if context.options.strict or row.severity else Severity.NOTE,
            evidence={"state": state, "shipped": shipped},
        )
