"""Where the files and the package database tell different stories."""

from collections.abc import Iterator

from auditor.elf.model import LoadFault
from auditor.finding import Finding
from auditor.inventory.model import UNOWNED, Drift
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind


def _tool_rows(context: ImageContext, tools: tuple[str, ...]) -> list[str]:
    return [row.id for row in context.rows(Kind.TOOL) if row.tool in tools]


@rule(
    "package-file-missing",
    Severity.WARNING,
    Subject.IMAGE,
    mend="Remove packages with the package manager instead of deleting their files.",
)
def package_file_missing(context: ImageContext) -> Iterator[Finding]:
    """The database owns a required program, or a file of a tool's closure, that is gone.

    An error for a required program. Where the program or library is found missing anyway, that is the finding, and the
    package is its evidence. Other deleted files of a tool's package are one note per package.
    """
    required = {name for row in context.rows(Kind.TOOL) for name in row.programs}
    for drift in context.inventory.drift:
        if drift.kind != "missing" or _is_told(context, drift):
            continue
        rows = _tool_rows(context, drift.used_by)
        program = drift.path.rpartition("/")[2]
        severe = program in required and not any(
            tool.binary(program) for tool in context.inventory.tools if tool.name in drift.used_by
        )
        yield finding(
            "package-file-missing",
            rows[0] if rows else None,
            drift.path,
            f"The package {drift.package} owns {drift.path}, which is gone{_by(context, drift)}.",
            severity=Severity.ERROR if severe and rows else Severity.WARNING,
            evidence={"package": drift.package, "used_by": list(drift.used_by)},
            layer=drift.layer,
            affects=rows[1:],
        )
    for missing in context.inventory.missing_files:
        more = missing.count - len(missing.examples[:2])
        examples = ", ".join(missing.examples[:2]) + (f" and {more} more" if more else "")
        yield finding(
            "package-file-missing",
            None,
            missing.package,
            f"{missing.count} other file{'s' if missing.count > 1 else ''} of the package {missing.package} "
            f"{'are' if missing.count > 1 else 'is'} gone ({examples}).",
            severity=Severity.NOTE,
            evidence={"package": missing.package, "count": missing.count, "examples": list(missing.examples)},
        )


def _is_told(context: ImageContext, drift: Drift) -> bool:
    """Whether the loss has a finding of its own: a program that is missed, a library that isn't found."""
    name = drift.path.rpartition("/")[2]
    if any(name in row.programs and context.is_missing(row.tool, name) for row in context.rows(Kind.TOOL)):
        return True
    lost = (problem for problem in context.inventory.problems if problem.fault is LoadFault.LIBRARY_MISSING)
    return any(problem.name.rpartition("/")[2] == name for problem in lost)


def _by(context: ImageContext, drift: Drift) -> str:
    blame = context.blame(drift.layer)
    return f": {blame} deletes it" if blame else ""


@rule(
    "package-file-changed",
    Severity.WARNING,
    Subject.IMAGE,
    mend="Ship the file from its package, or package the replacement.",
)
def package_file_changed(context: ImageContext) -> Iterator[Finding]:
    """The database owns a file of a tool's closure that has other content than the package put there."""
    for drift in context.inventory.drift:
        if drift.kind != "changed":
            continue
        rows = _tool_rows(context, drift.used_by)
        blame = context.blame(drift.layer)
        yield finding(
            "package-file-changed",
            rows[0] if rows else None,
            drift.path,
            f"{drift.path} is not what the package {drift.package} put there{f': {blame} writes it' if blame else ''}.",
            evidence={"package": drift.package, "used_by": list(drift.used_by)},
            layer=drift.layer,
            affects=rows[1:],
        )


@rule(
    "package-file-unowned",
    Severity.NOTE,
    Subject.IMAGE,
    mend="Install the tools from packages, and keep the package database in the image.",
)
def package_file_unowned(context: ImageContext) -> Iterator[Finding]:
    """Nothing vouches for the bytes of required programs: no package owns them, or none that says what they were.

    Damaged code that a loader maps without a word shows only where a database knows the file. One note for all.
    """
    rows: dict[str, list[str]] = {}
    labels: dict[str, str | None] = {}
    for row in context.rows(Kind.TOOL):
        for binary in (each for program in row.programs for each in context.behind(row.tool, program)):
            if binary.kind == "program" and binary.vouched is None:
                rows.setdefault(binary.resolved_path, []).append(row.id)
                labels[binary.resolved_path] = binary.package
    if not rows:
        return
    paths = sorted(rows)
    told = ", ".join(paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")
    affected = tuple(dict.fromkeys(one for path in paths for one in rows[path]))
    yield finding(
        "package-file-unowned",
        affected[0],
        paths[0],
        f"Nothing vouches for the bytes of {told}: {_why_not_vouched({*labels.values()})}.",
        evidence={"programs": paths},
        affects=affected[1:],
    )


def _why_not_vouched(labels: set[str | None]) -> str:
    if labels == {None}:
        return "no package database could be asked"
    return "no package owns them" if labels == {UNOWNED} else "no package has them, or says what they were"
