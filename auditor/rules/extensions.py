"""What iptables and ip must be able to do: extensions, flavours, link types."""

from collections.abc import Iterator

from auditor.inventory.model import Binary, LoadableExtension
from auditor.rules.context import ImageContext, finding
from auditor.rules.model import Finding, Severity, Subject, rule
from auditor.spec import Kind, Requirement

_PROGRAM_OF_STACK = {"ipv4": "iptables", "ipv6": "ip6tables"}
_SUFFIXES = ("", "-save", "-restore")
_VARIANT_WORD = {"nf_tables": "nft", "legacy": "legacy"}


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
    for row in context.rows(Kind.FEATURE):
        yield from _missing_extensions(context, row)
        yield from _missing_link_types(context, row)


def _missing_extensions(context: ImageContext, row: Requirement) -> Iterator[Finding]:
    wanted = [("match", name) for name in row.extensions.match] + [("target", name) for name in row.extensions.target]
    if not wanted:
        return
    for stack in context.options.ip_family.stacks:
        tool = _PROGRAM_OF_STACK[stack]
        if tool not in row.tools:
            continue
        for flavour in _flavours(context, tool):
            for kind, name in wanted:
                yield from _missing_extension(context, row, stack, flavour, kind, name)


def _flavours(context: ImageContext, tool: str) -> list[str | None]:
    """The flavours that some usable program of the tool runs; scripts and applets don't count."""
    flavours = {binary.flavour for binary in context.binaries([tool])}
    return sorted(flavours, key=str)


def _missing_extension(
    context: ImageContext, row: Requirement, stack: str, flavour: str | None, kind: str, name: str
) -> Iterator[Finding]:
    found = [
        extension
        for extension in context.inventory.extensions
        if extension.kind == kind and extension.name == name and _serves(extension, stack, flavour)
    ]
    if any(extension.loadable for extension in found):
        return
    option = "-m" if kind == "match" else "-j"
    program = _PROGRAM_OF_STACK[stack]
    shown = f"{program} ({flavour})" if flavour else program
    evidence = {"kind": kind, "name": name, "family": stack, "flavour": flavour}
    if found:
        broken = found[0]
        message = f"{shown} {option} {name} can't load {broken.path}: {broken.reason}."
        yield finding("extension-missing", row.id, name, message, evidence=evidence, layer=broken.layer)
        return
    candidates = [f"libxt_{name}.so", f"{'libipt_' if stack == 'ipv4' else 'libip6t_'}{name}.so"]
    gone = [entry for file in candidates for entry in context.inventory.whereabouts_of(file).gone]
    layer = gone[-1].layer if gone else None
    reason = f": {context.blame(layer)} deletes {gone[-1].path}" if gone else ""
    fix = f"Keep {gone[-1].path} in {context.blame(layer)}." if gone else ""
    message = f"{shown} {option} {name} has no plug-in{reason}."
    yield finding("extension-missing", row.id, name, message, evidence=evidence, layer=layer, fix=fix)


def _serves(extension: LoadableExtension, stack: str, flavour: str | None) -> bool:
    return extension.family in (stack, "any") and extension.flavour in ("", flavour)


def _missing_link_types(context: ImageContext, row: Requirement) -> Iterator[Finding]:
    ip = next((binary for binary in context.binaries(row.tools) if binary.name == "ip"), None)
    if ip is None:
        return
    for name in row.link_types:
        if name not in context.inventory.link_types:
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
    word = _VARIANT_WORD[row.flavour or ""]
    names = [(f"{tool}-{word}{suffix}", f"{tool}{suffix}") for suffix in _SUFFIXES]
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
