"""The processor that the image's own files need."""

from collections.abc import Iterator
from itertools import groupby

from auditor import processor
from auditor.finding import Finding
from auditor.inventory.model import CpuFloor
from auditor.rules.context import enumerate_names, finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement

_MARKED = ("amd64", "386")  # GNU_PROPERTY_X86_ISA_1_NEEDED


@rule(
    "cpu-floor",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Build on a base for older processors, or name the level that every node has (--cpu ARCH=LEVEL, or the spec).",
)
def cpu_floor(context: ImageContext) -> Iterator[Finding]:
    """A program that may start, its loader or a library of its closure needs a newer processor than nodes have.

    The need shows in the marks of ELF files (GNU_PROPERTY_X86_ISA_1_NEEDED, x86-64 psABI), in a C library that refuses
    older processors, and in what Go writes into its programs (GOAMD64 and its like). An error where the spec or --cpu
    names an older processor; a warning where a file is only marked so and its loader doesn't look; a note where
    nothing names one and the need is above what every machine of the architecture has.
    """
    architecture = context.inventory.architecture
    named = context.cpu_floor
    available = named or processor.baseline(architecture)
    above = [
        floor for floor in context.inventory.floors.cpu if processor.is_beyond(architecture, floor.level, available)
    ]
    above.sort(key=lambda floor: (processor.order(architecture, floor.level), floor.enforced), reverse=True)
    for (level, enforced), group in groupby(above, key=lambda floor: (floor.level, floor.enforced)):
        # What starts all programs stands for the others.
        floors = sorted(group, key=lambda floor: ("/ld" not in floor.path, "/libc.so" not in floor.path, floor.path))
        yield _finding(context, level, floors, named, enforced=enforced)


def names_no_processor(context: ImageContext, row: Requirement) -> str:
    """Why a row about processors doesn't concern the image; "" where it does, or the row is about something else."""
    if row.kind is not Kind.CPU:
        return ""
    architecture, named = context.inventory.architecture, row.cpu_floor.keys() | dict(context.options.cpu).keys()
    if architecture in named or (named and not architecture):
        return ""
    return f"no processor of {architecture} is named" if architecture else "no processor is named"


def unknown_processor(context: ImageContext, _: Requirement) -> str:
    """Why it isn't known which processor the image's files need; "" where it is.

    Only x86's ELF files have a mark for it. Elsewhere a C library that checks the processor tells (Red Hat's of
    ppc64le and s390x do, Debian's don't), and the settings of Go's builds.
    """
    architecture = context.inventory.architecture
    if not architecture:
        return "the image doesn't say which architecture it is for, and its files don't tell; name it with --platform"
    if architecture in _MARKED or context.inventory.floors.cpu:
        return ""
    return f"files of {architecture} don't say which processor they are built for, and no loader here checks it"


def _finding(
    context: ImageContext, level: str, floors: list[CpuFloor], named: str | None, *, enforced: bool
) -> Finding:
    first = floors[0]
    than = f"{named} is what every node has" if named else "no processor is named"
    does = "does not start" if enforced else "is built so, and its loader does not check it: it may die later"
    severity = Severity.NOTE
    if named:
        severity = Severity.ERROR if enforced else Severity.WARNING
    paths = [floor.path for floor in floors]
    return finding(
        "cpu-floor",
        _row(context) if named else None,
        first.path,
        f"{enumerate_names(paths, 3)} {'needs' if len(paths) == 1 else 'need'} a processor of {level} "
        f"({first.evidence}), and {than}: on an older one it {does}.",
        severity=severity,
        evidence={"level": level, "named": named, "enforced": enforced, "evidence": first.evidence, "paths": paths},
        layer=first.layer,
    )


def _row(context: ImageContext) -> str:
    """The spec's own row about the processor, else the one that everything loads."""
    row = next(iter(context.spec.of_kind(Kind.CPU)), None)
    return row.id if row else context.the_row(Kind.LOADS)
