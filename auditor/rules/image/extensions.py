"""What iptables and ip must be able to do: extensions, flavours, link types."""

from collections.abc import Iterator

from msgspec import Struct

from auditor.finding import Finding
from auditor.inventory.model import Binary, LoadableExtension
from auditor.rules.context import enumerate_names, finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement
from auditor.tools.project.iproute2 import IP
from auditor.tools.project.xtables import PLUGIN_PREFIXES, TOOL_OF_STACK, variant_programs


@rule(
    "extension-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Install the plug-in (on Debian it is part of iptables), and keep its links.",
)
def extension_missing(context: ImageContext) -> Iterator[Finding]:
    """No loadable xtables extension for a documented match or target, or `ip` without a documented link type.

    iptables looks a name up as a plug-in of the family first (`libipt_`, `libip6t_`), then as `libxt_`; the
    plug-in must load, with all that it needs, in the program that asks for it. A link type counts as known where
    `ip` holds its bare name.
    """
    yield from _missing_extensions(context)
    for row in context.rows(Kind.FEATURE):
        yield from _missing_link_types(context, row)


class _Lack(Struct, frozen=True):
    """One program that does not find, or can't load, one extension. `broken` is the plug-in that fails."""

    row: str
    program: str
    flavour: str | None
    kind: str
    name: str
    broken: LoadableExtension | None

    @property
    def shown(self) -> str:
        return f"{self.program} ({self.flavour})" if self.flavour else self.program


def _missing_extensions(context: ImageContext) -> Iterator[Finding]:
    """One finding for each extension, whatever the rows, flavours and families that miss it."""
    lacks = [lack for row in context.rows(Kind.FEATURE) for lack in _lacks(context, row)]
    by_name: dict[tuple[str, str], list[_Lack]] = {}
    for lack in lacks:
        by_name.setdefault((lack.kind, lack.name), []).append(lack)
    for group in by_name.values():
        yield _extension_finding(context, group)


def _lacks(context: ImageContext, row: Requirement) -> Iterator[_Lack]:
    wanted = [("match", name) for name in row.extensions.match] + [("target", name) for name in row.extensions.target]
    for stack in context.options.ip_family.stacks:
        tool = TOOL_OF_STACK[stack]
        if tool not in row.tools:
            continue
        for flavour in _flavours(context, tool):
            for kind, name in wanted:
                found = [
                    extension
                    for extension in context.inventory.extensions
                    if extension.kind == kind and extension.name == name and _serves(extension, stack, flavour)
                ]
                if not any(extension.loadable for extension in found):
                    yield _Lack(row.id, tool, flavour, kind, name, found[0] if found else None)


def _flavours(context: ImageContext, tool: str) -> list[str | None]:
    """The flavours that some usable program of the tool runs; scripts and applets don't count.

    A program whose loader is not known shows none. One that doesn't start for want of libxtables itself has no
    extensions at all: that is its own finding.
    """
    looked_up = {extension.flavour for extension in context.inventory.extensions}
    flavours = {
        binary.flavour
        for binary in context.builds([tool])
        if not context.unknown_start(binary) and (context.can_start(binary) or (binary.flavour or "") in looked_up)
    }
    return sorted(flavours, key=str)


def _extension_finding(context: ImageContext, lacks: list[_Lack]) -> Finding:
    first = lacks[0]
    programs = sorted({lack.shown for lack in lacks})
    rows = list(dict.fromkeys(lack.row for lack in lacks))
    asked = f"{'-m' if first.kind == 'match' else '-j'} {first.name}"
    evidence = {"kind": first.kind, "name": first.name, "programs": programs}
    broken = next((lack.broken for lack in lacks if lack.broken is not None), None)
    if broken is not None:
        message = f"{asked} can't load {broken.path}, for {enumerate_names(programs)}: {broken.reason}."
        layer = broken.layer
        return finding(
            "extension-missing", rows[0], first.name, message, evidence=evidence, layer=layer, affects=rows[1:]
        )
    files = [f"{prefix}{first.name}.so" for prefix in PLUGIN_PREFIXES]
    known = [context.inventory.whereabouts_of(file) for file in files]
    gone = [place for entry in known for place in entry.gone]
    there = [place for entry in known for place in entry.elsewhere]
    layer = gone[-1].layer if gone else there[0].layer if there else None
    reason = f": {context.blame(layer)} deletes {gone[-1].path}" if gone else ""
    if there and not gone:
        reason = f": {there[0].path} ({context.blame(layer)}) does not register it where iptables looks"
    return finding(
        "extension-missing",
        rows[0],
        first.name,
        f"{asked} has no plug-in, for {enumerate_names(programs)}{reason}.",
        evidence=evidence,
        layer=layer,
        fix=f"Keep {gone[-1].path} in {context.blame(layer)}." if gone else "",
        affects=rows[1:],
    )


def _serves(extension: LoadableExtension, stack: str, flavour: str | None) -> bool:
    return extension.family in (stack, "any") and extension.flavour in ("", flavour)


def _missing_link_types(context: ImageContext, row: Requirement) -> Iterator[Finding]:
    ip = next((binary for binary in context.builds(row.tools) if binary.name == IP), None)
    if ip is None:
        return
    unasked = context.link_types_not_looked_for(row)
    for name in row.link_types:
        if name not in context.inventory.link_types and name not in unasked:
            message = f"{ip.path} doesn't know the link type {name}."
            evidence = {"kind": "link type", "name": name}
            fix = "Install a full build of iproute2."
            subject = ip.path
            yield finding("extension-missing", row.id, subject, message, evidence=evidence, layer=ip.layer, fix=fix)


@rule(
    "variant-missing",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Ship both multi-call binaries of iptables with their links.",
)
def variant_missing(context: ImageContext) -> Iterator[Finding]:
    """A flavour of iptables that the spec demands is not in the image.

    Asked for are NAME-nft or NAME-legacy, else the plain name where it runs that flavour; each with -save and
    -restore.
    """
    for row in context.rows(Kind.VARIANT):
        for tool in row.tools:
            if context.tool(tool).binaries:
                yield from _missing_variants(context, row, tool)


def _missing_variants(context: ImageContext, row: Requirement, tool: str) -> Iterator[Finding]:
    names = variant_programs(tool, row.flavour or "")
    missing = [named for named, plain in names if not _runs(context, tool, (named, plain), row.flavour)]
    if not missing:
        return
    known = context.inventory.whereabouts_of(missing[0])
    gone = known.gone[-1] if known.gone else None
    layer = gone.layer if gone else next((bad.layer for bad in known.unusable), None)
    reason = f": {context.blame(layer)} deletes {gone.path}" if gone else ""
    if not gone and known.unusable:
        reason = f": {known.unusable[0].path} can't be started, {known.unusable[0].reason}"
    yield finding(
        "variant-missing",
        row.id,
        missing[0],
        f"The {row.flavour} flavour of {tool} is not in the image ({', '.join(missing)}){reason}.",
        evidence={"flavour": row.flavour, "missing": missing},
        layer=layer,
    )


def _runs(context: ImageContext, tool: str, names: tuple[str, ...], flavour: str | None) -> bool:
    binaries: list[Binary | None] = [context.tool(tool).binary(name) for name in names]
    return any(binary is not None and binary.flavour == flavour for binary in binaries)
