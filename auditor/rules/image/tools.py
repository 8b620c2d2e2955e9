"""Rules about the documented tools: there, startable, themselves, and new enough."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.inventory.model import Binary, Tool, Whereabouts
from auditor.rules.context import enumerate_names, finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement
from auditor.tools.catalogue import compare_versions
from auditor.tools.versions import compare_dated


def _required(context: ImageContext) -> Iterator[tuple[Requirement, Tool, str, Binary | None]]:
    for row in context.rows(Kind.TOOL):
        tool = context.tool(row.tool)
        for program in row.programs:
            if not context.not_looked_for(row.tool, [program]):
                yield row, tool, program, tool.binary(program)


@rule(
    "tool-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Install the package that has the program, or put its directory on PATH.",
)
def tool_missing(context: ImageContext) -> Iterator[Finding]:
    """A required tool is not in the image, or not on the image's PATH.

    The name is looked up on the PATH of the image config (Docker's default where it sets none), as execvp(3)
    would. Where a layer deleted the program, the finding names that layer; where the program lies outside PATH,
    it says where.
    """
    for row, _, program, _ in _required(context):
        if context.is_missing(row.tool, program):
            yield _missing(context, row, program, context.inventory.whereabouts_of(program))


def _missing(context: ImageContext, row: Requirement, program: str, known: Whereabouts) -> Finding:
    elsewhere = [place.path for place in known.elsewhere]
    gone = known.gone[-1] if known.gone else None
    evidence = {
        "path": list(context.inventory.path),
        "deleted": [{"path": place.path, "layer": place.layer} for place in known.gone],
        "elsewhere": elsewhere,
        **context.owner_of_lost(program),
    }
    deleted = f"{context.blame(gone.layer)} deletes {gone.path}" if gone else ""
    if elsewhere:
        message = f"{program} is not on PATH; it lies at {enumerate_names(elsewhere)}{f', {deleted}' if gone else ''}."
        fix = f"Add its directory to PATH, or link {program} from {context.inventory.path[0]}."
    elif gone:
        message = f"{program} is not in the image: {deleted}."
        fix = f"Keep {gone.path} in {context.blame(gone.layer)}."
    else:
        message = f"{program} is not in the image, neither on PATH nor elsewhere."
        fix = install_hint(context, row)
    layer = gone.layer if gone else None
    return finding("tool-missing", row.id, program, message, evidence=evidence, layer=layer, fix=fix)


def install_hint(context: ImageContext, row: Requirement) -> str:
    """Which package to install, in the words of the image's own package manager where it has one."""
    types = {package.type for package in context.inventory.packages}
    names = {kind: name for kind, name in row.packages.items() if kind in types} or row.packages
    if not names:
        return ""
    return f"Install the package {' / '.join(sorted(set(names.values()))).replace('|', ' or ')}."


@rule(
    "tool-not-executable",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Restore the file, its execute permission, or the target of the link.",
)
def tool_not_executable(context: ImageContext) -> Iterator[Finding]:
    """A required name is on PATH and can't be started: a dangling link, an empty file, no x bit, not a program.

    A script can't be started either where what it hands over to for certain is not there, where it has no command, and
    where it picks a program of the tool and the image has none.

    A name that execvp(3) would pass over is a finding only where no later directory of PATH has a good one.
    """
    for row, _, program, binary in _required(context):
        for bad in context.inventory.whereabouts_of(program).unusable[:1] if binary is None else ():
            yield finding(
                "tool-not-executable",
                row.id,
                bad.path,
                f"{bad.path} can't be started: it is {bad.reason}.",
                evidence={"program": program, "reason": bad.reason},
                layer=bad.layer,
            )
        if binary is not None and binary.kind == "other":
            yield _broken(context, row, program, binary)


def _broken(context: ImageContext, row: Requirement, program: str, binary: Binary) -> Finding:
    gone = context.inventory.whereabouts_of(binary.target.rpartition("/")[2]).gone if binary.target else ()
    deleted = next((place for place in reversed(gone) if place.path == binary.target), None)
    tail = f": {context.blame(deleted.layer)} deletes it" if deleted else ""
    evidence = {"program": program, "reason": binary.reason}
    return finding(
        "tool-not-executable",
        row.id,
        binary.path,
        f"{binary.path} can't be started: {binary.reason or 'not a program'}{tail}.",
        evidence=evidence | ({"target": binary.target} if binary.target else {}),
        layer=deleted.layer if deleted else binary.layer,
        fix=f"Ship {binary.target}, or the program itself in the place of the script." if binary.target else "",
    )


@rule(
    "tool-is-applet",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Install the real tool; an applet knows a small part of its options.",
)
def tool_is_applet(context: ImageContext) -> Iterator[Finding]:
    """The name is an applet of a multi-call binary such as busybox, not the tool itself."""
    for row, _, program, binary in _required(context):
        if binary is not None and binary.kind == "applet":
            yield finding(
                "tool-is-applet",
                row.id,
                binary.path,
                f"{program} is an applet of {binary.resolved_path}, not the {row.tool} tool.",
                evidence={"program": program, "resolved_path": binary.resolved_path},
                layer=binary.layer,
                fix=install_hint(context, row),
            )


_ONE_FLAVOUR = "Link the names to one of the programs; or waive this, where it is meant to be picked on the node."


@rule(
    "tool-unknown",
    Severity.WARNING,
    Subject.IMAGE,
    mend="Put the program itself in the place of the script, or let the script hand over by `exec` and a literal name.",
)
def tool_unknown(context: ImageContext) -> Iterator[Finding]:
    """A tool's name runs a script that can't be followed, or a launcher that picks a program at run time.

    Where it is known which programs it may pick, each of them is judged. Where not, the tool's rows are unknown: a
    script with one unconditional `exec` of a literal program can be followed, and is judged by that program.
    """
    by_file: dict[str, list[tuple[Requirement, Tool, Binary]]] = {}
    for row, tool, _, binary in _required(context):
        if binary is not None and binary.kind in ("script", "launcher"):
            by_file.setdefault(binary.resolved_path, []).append((row, tool, binary))
    for entries in by_file.values():
        rows = list(dict.fromkeys(row.id for row, _, _ in entries))
        _, tool, binary = entries[0]
        names = list(dict.fromkeys(entry.path for _, _, entry in entries))
        candidates = sorted({one.resolved_path for _, tool, entry in entries for one in tool.candidates_of(entry)})
        judged = (
            f"judged is what it may pick, {enumerate_names(candidates)}" if candidates else "what it runs is unknown"
        )
        yield finding(
            "tool-unknown",
            rows[0],
            binary.path,
            f"{binary.unknown or f'{binary.path} is a script'}: {judged}.",
            evidence={"kind": binary.kind, "names": names, "candidates": candidates},
            layer=binary.layer,
            fix=_ONE_FLAVOUR if binary.kind == "launcher" else "",
            affects=rows[1:],
        )


@rule(
    "tool-unversioned",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Ship a build that carries its version, or one that a package database vouches for.",
)
def tool_unversioned(context: ImageContext) -> Iterator[Finding]:
    """No evidence gives a version: neither the program's bytes nor a package that vouches for its content.

    An error where the spec sets a minimum, since it can't be shown to hold; else a note. Of a script or launcher that
    picks a program at run time, each program that it may pick is asked.
    """
    for row, _, binary in _versioned_rows(context):
        if binary.version is not None or not context.can_start(binary):
            continue  # one that doesn't start may lack the very library that holds its version
        if context.unknown_start(binary):
            continue  # nor is it known which library its loader would take; the row is unknown
        yield finding(
            "tool-unversioned",
            row.id,
            binary.path,
            f"{binary.path} shows no version ({binary.reason or 'no evidence'}), so its version is not known.",
            severity=Severity.ERROR if row.minimum else Severity.NOTE,
            evidence={"reason": binary.reason, "resolved_path": binary.resolved_path},
            layer=binary.layer,
        )


@rule("tool-too-old", Severity.ERROR, Subject.IMAGE, mend="Install a newer release of the tool.")
def tool_too_old(context: ImageContext) -> Iterator[Finding]:
    """The upstream version is below the spec's minimum.

    Versions are compared as each project numbers its releases; epochs and distribution revisions don't count.
    """
    for row, tool, binary in _versioned_rows(context):
        if not row.minimum or binary.version is None:
            continue
        order = (
            compare_dated(binary.version, row.minimum)
            if row.order == "dated"
            else compare_versions(tool.name, binary.version, row.minimum)
        )
        evidence = {"version": binary.version, "minimum": row.minimum, "resolved_path": binary.resolved_path}
        if order is None:
            yield finding(
                "tool-unversioned",
                row.id,
                binary.path,
                f"{binary.path} calls itself {binary.version}, which can't be compared with {row.minimum}.",
                evidence=evidence,
                layer=binary.layer,
            )
        elif order < 0:
            yield finding(
                "tool-too-old",
                row.id,
                binary.path,
                f"{binary.path} is {tool.name} {binary.version}, and {row.minimum} is the minimum.",
                evidence=evidence,
                layer=binary.layer,
                fix=f"Install {tool.name} {row.minimum} or newer.",
            )


def _versioned_rows(context: ImageContext) -> Iterator[tuple[Requirement, Tool, Binary]]:
    """Each row with each file behind its programs, once."""
    for row in (*context.rows(Kind.TOOL), *context.rows(Kind.VARIANT)):
        seen: set[str] = set()
        if row.kind is Kind.TOOL and context.version_not_looked_for(row):
            continue
        for tool, binary in _binaries_of_row(context, row):
            if binary.kind == "program" and binary.resolved_path not in seen:
                seen.add(binary.resolved_path)
                yield row, tool, binary


def _binaries_of_row(context: ImageContext, row: Requirement) -> Iterator[tuple[Tool, Binary]]:
    if row.kind is Kind.TOOL:
        tool = context.tool(row.tool)
        yield from ((tool, binary) for name in row.programs for binary in context.behind(row.tool, name))
    elif row.minimum:
        for tool in map(context.tool, row.tools):
            yield from ((tool, binary) for binary in tool.programs if binary.flavour == row.flavour)


@rule(
    "version-conflict",
    Severity.WARNING,
    Subject.IMAGE,
    mend="Install the tool from its package, so that scanners and people see the version that runs.",
)
def version_conflict(context: ImageContext) -> Iterator[Finding]:
    """The package database and the binary disagree on the version, and the database doesn't vouch for the file.

    A sound package may name itself otherwise than its binary; a disagreement means something only where the
    file's content is not what the package put there.
    """
    seen: set[str] = set()
    for row in context.rows(Kind.TOOL):
        tool = context.tool(row.tool)
        for binary in tool.binaries:
            if binary.version is None or binary.package_version is None or binary.vouched:
                continue
            if binary.resolved_path in seen or compare_versions(tool.name, binary.version, binary.package_version) == 0:
                continue
            seen.add(binary.resolved_path)
            yield finding(
                "version-conflict",
                row.id,
                binary.resolved_path,
                f"{binary.resolved_path} is {tool.name} {binary.version}, and the package database says that "
                f"{binary.package} {binary.package_version} owns it.",
                evidence={"version": binary.version, "package_version": binary.package_version},
                layer=binary.layer,
            )
