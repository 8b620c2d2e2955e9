"""From findings to the status of every row of the spec."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from auditor.finding import Finding
from auditor.rules.context import outcome
from auditor.rules.image.config import unknown_config
from auditor.rules.image.context import ImageContext, is_other, saved_without
from auditor.rules.image.cpu_floor import names_no_processor, unknown_processor
from auditor.rules.image.files import unknown_file
from auditor.rules.image.installed import unknown_package
from auditor.rules.image.libraries import library_state
from auditor.rules.image.plugins import unknown_plugin
from auditor.severity import Severity
from auditor.spec import Kind, Requirement
from auditor.tools.catalogue import project_of

Status = Literal["met", "not-met", "waived", "unknown", "not-applicable"]


class Row(Struct, frozen=True):
    """One row judged. `findings` are indices into the report's findings; `state` is a library row's."""

    requirement: Requirement
    status: Status
    kernel: Literal["needs-kernel"] | None
    state: str | None
    reason: str
    findings: tuple[int, ...]


def judge_rows(context: ImageContext, findings: Sequence[Finding]) -> tuple[Row, ...]:
    """Every row of the spec, in the document's order."""
    return tuple(_judge(context, row, findings) for row in context.spec.requirements)


def _judge(context: ImageContext, row: Requirement, findings: Sequence[Finding]) -> Row:
    if reason := context.options.why_not(context.spec, row) or names_no_processor(context, row):
        return Row(row, "not-applicable", None, None, reason, ())
    own = _concerning(context, row, findings)
    errors = [findings[index] for index in own if findings[index].severity is Severity.ERROR]
    kernel: Literal["needs-kernel"] | None = "needs-kernel" if row.needs else None
    state = library_state(context, row) if row.kind is Kind.LIBRARY else None
    if errors:
        status, reason = outcome(errors)
        return Row(row, status, kernel, state, reason, tuple(own))
    if unknown := _unknown(context, row, state):
        return Row(row, "unknown", kernel, state, unknown, tuple(own))
    return Row(row, "met", kernel, state, "", tuple(own))


def _concerning(context: ImageContext, row: Requirement, findings: Sequence[Finding]) -> list[int]:
    """The row's own findings; where it builds on a tool of which the image has nothing usable, that tool's too."""
    ids = {row.id}
    for name in row.tools:
        binaries = context.binaries([name]) if row.kind is Kind.LIBRARY else context.builds([name])
        # A program that doesn't start still shows what it links.
        if not any(row.kind is Kind.LIBRARY or context.can_start(binary) for binary in binaries):
            ids |= {tool.id for tool in context.rows(Kind.TOOL) if tool.tool == name}
    if row.kind is Kind.FEATURE and not _asks_more(row):
        # The tool itself is this feature's half in the image.
        ids |= {tool.id for tool in context.rows(Kind.TOOL) if tool.tool in row.tools}
    return [index for index, finding in enumerate(findings) if ids & set(finding.rows)]


def _asks_more(row: Requirement) -> bool:
    extensions = row.extensions
    return bool(extensions.match or extensions.target or row.link_types or row.set_types)


def _unknown(context: ImageContext, row: Requirement, state: str | None) -> str:
    if row.kind is Kind.LIBRARY:
        return "" if state else f"the image has no program of {' or '.join(row.tools)} that shows what it links"
    return _UNKNOWN[row.kind](context, row) if row.kind in _UNKNOWN else ""


def _unknown_loads(context: ImageContext, _: Requirement) -> str:
    return next((f"{notice.programs[0]}: {notice.message}" for notice in context.unknown_loads()), "")


def _unknown_ability(context: ImageContext, row: Requirement) -> str:
    unasked = [reason for name in row.tools if (reason := context.not_looked_for(name))]
    if unasked:
        return unasked[0]
    absent = [name for name in row.tools if not context.builds([name])]
    if absent:
        return f"the image has no program of {' or '.join(absent)} to ask"
    unknown = [reason for name in row.tools if (reason := _why_unknown(context, name))]
    if unknown:
        return unknown[0]
    if types := context.link_types_not_looked_for(row):
        return saved_without(f"ask for {types[0]}")
    if row.set_types and not context.inventory.set_types:
        return "the set types of the image's libipset can't be read"
    return ""


def _unknown_tool(context: ImageContext, row: Requirement) -> str:
    if reason := context.not_looked_for(row.tool, row.programs) or context.version_not_looked_for(row):
        return reason
    for binary in (binary for name in row.programs for binary in context.behind(row.tool, name)):
        if binary.kind in ("script", "launcher"):
            return binary.unknown or f"{binary.path} is a {binary.kind}"
        # Without a minimum, a build that shows no version is still the tool; what is no program of it may not be,
        # where it is known what programs of it look like.
        foreign = is_other(binary) and project_of(row.tool) is not None
        if binary.version is None and (row.minimum or binary.kind != "program" or foreign):
            return f"{binary.path} shows no version: {binary.reason}"
        if reason := context.unknown_start(binary):
            return f"{binary.path}: {reason}"
    return ""


def _unknown_entrypoint(context: ImageContext, _: Requirement) -> str:
    config = context.inventory.config
    if not (config.entrypoint or config.cmd):
        if not context.layers:
            return "a root file system alone has no Entrypoint and no Cmd; audit the image or an archive of it"
        return "the image names neither Entrypoint nor Cmd"
    unread = (entry for entry in context.inventory.start_unknowns if entry.unread)
    return next((f"{entry.script}: {entry.message}" for entry in unread), "")


def _why_unknown(context: ImageContext, tool: str) -> str:
    """Why nothing can be asked of a tool's programs: what each loads is not known."""
    reasons = [context.unknown_start(binary) for binary in context.builds([tool])]
    return reasons[0] if reasons and all(reasons) else ""


#: By kind: why it can't be told whether a row is met, "" where it can.
_UNKNOWN: dict[Kind, Callable[[ImageContext, Requirement], str]] = {
    Kind.LOADS: _unknown_loads,
    Kind.ENTRYPOINT: _unknown_entrypoint,
    Kind.FEATURE: _unknown_ability,
    Kind.VARIANT: _unknown_ability,
    Kind.TOOL: _unknown_tool,
    Kind.CPU: unknown_processor,
    Kind.PACKAGE: unknown_package,
    Kind.FILE: unknown_file,
    Kind.CONFIG: unknown_config,
    Kind.PLUGIN: unknown_plugin,
}
