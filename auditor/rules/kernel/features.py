"""Whether a kernel is new enough and has what the rows need."""

from collections.abc import Iterable, Iterator

from auditor.finding import Finding
from auditor.kernel.model import ModuleAnswer, Presence
from auditor.kernel.version import version_text
from auditor.rules.context import enumerate_names, finding
from auditor.rules.kernel.context import KernelContext, Outcome, PairContext, Unknown, findings_of
from auditor.rules.model import Subject, also, rule
from auditor.severity import Severity

_FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}
_SHOWN_REASONS = 3


@rule(
    "kernel-too-old",
    Severity.ERROR,
    Subject.KERNEL,
    mend="Run the nodes on a newer kernel.",
)
def kernel_too_old(context: KernelContext) -> Iterator[Finding]:
    """The kernel is older than a row of the spec asks for.

    Compared are the numbers that the release (`uname -r`) starts with, and the third of them as the kernel's own
    config has it: distributions count it otherwise. A kernel whose version nothing shows is unknown, not too old.
    """
    for minimum, rows in _too_new(context).items():
        yield finding(
            "kernel-too-old",
            rows[0],
            context.kernel.release,
            f"{context.shown} is older than {minimum}, which is asked for.",
            evidence={"version": version_text(context.kernel.version), "minimum": minimum},
            affects=rows[1:],
        )


def _too_new(context: KernelContext) -> dict[str, list[str]]:
    """The minimum versions that the kernel doesn't reach, each with its rows."""
    found: dict[str, list[str]] = {}
    for row, answer in context.rows():
        if answer.new_enough is False:
            found.setdefault(version_text(answer.need.min_version), []).append(row.id)
    return found


@rule(
    "kernel-feature-missing",
    Severity.ERROR,
    Subject.KERNEL,
    mend="Set the named CONFIG symbols, or install the package of this kernel that holds the module.",
)
def kernel_feature_missing(context: KernelContext) -> Iterator[Finding]:
    """The kernel has no module, built-in code or replacement for something that a row of the spec needs.

    A module counts where it is built in (`modules.builtin`), where its file can be loaded with all that it depends on
    (`modules.dep`, modprobe(8)), where another answers to its name (`modules.alias`), and where the spec names one
    that took over its work since this kernel's version. Else the kernel's config says which symbol isn't set; gates
    are symbols without which that one isn't offered (make menuconfig shows them as dependencies). What no source
    shows is unknown and no finding: a config alone doesn't tell which modules a distribution ships, and a package
    alone not which sibling holds the rest.

    With `--image`, modules count that only the flavour of iptables needs which the image runs: nf_tables and
    nft_compat for nf_tables.
    """
    for answer, rows in _by_module(context, flavours=False):
        if answer.presence is Presence.ABSENT:
            yield _missing(context, answer, rows)
    yield from _flavourless(context)


def _flavourless(context: KernelContext) -> Iterator[Finding]:
    """Rows that one of several flavours of iptables would meet, and this kernel serves none."""
    stacks = context.options.ip_family.stacks
    for row, feature in context.rows():
        flavours = feature.flavours
        if len(flavours) < 2 or any(feature.served(flavour, stacks) is not False for flavour in flavours):
            continue
        absent = [
            answer
            for answer in feature.modules
            if answer.concerns(stacks, flavours) and answer.need.flavour and answer.presence is Presence.ABSENT
        ]
        names = [answer.need.name for answer in absent]
        reasons = enumerate_names([f"{answer.need.name}: {answer.reason}" for answer in absent])
        yield finding(
            "kernel-feature-missing",
            row.id,
            names[0],
            f"{context.shown} serves none of the flavours {' and '.join(flavours)} of iptables ({reasons}).",
            evidence={"modules": names, "flavours": list(flavours)},
        )


@also("kernel-feature-missing", Subject.PAIR)
def flavour_missing(context: PairContext) -> Iterator[Finding]:
    """What only the image's flavour of iptables needs."""
    return findings_of(look_at_flavours(context))


def look_at_flavours(context: PairContext) -> Iterator[Outcome]:
    """Of the modules that only one flavour of iptables needs, those that this image's needs."""
    for answer, rows in _by_module(context, flavours=True):
        if answer.presence is Presence.ABSENT:
            yield _missing(context, answer, rows)
        elif answer.presence is Presence.UNKNOWN:
            yield Unknown("kernel-feature-missing", answer.need.name, answer.reason)
    bound = {row.id for row, answer in context.rows() for each in answer.modules if each.need.flavour}
    for tool in context.inventory.tools:
        first = tool.binary(tool.name)
        asked = any(row.id in bound and tool.name in row.tools for row, _ in context.rows())
        if asked and first is not None and first.kind != "program":
            reason = f"{first.path} is a {first.kind}, so which flavour it runs isn't known"
            yield Unknown("kernel-feature-missing", tool.name, reason)


def _by_module(context: KernelContext, *, flavours: bool) -> Iterable[tuple[ModuleAnswer, list[str]]]:
    """Each module that is bound to a flavour, or to none, with the rows that need it."""
    found: dict[ModuleAnswer, list[str]] = {}
    for row, feature in context.rows():
        for answer in context.answers(feature):
            if bool(answer.need.flavour) is flavours:
                found.setdefault(answer, []).append(row.id)
    return found.items()


def _missing(context: KernelContext, answer: ModuleAnswer, rows: list[str]) -> Finding:
    need = answer.need
    who = " and ".join(filter(None, (_FAMILIES.get(need.family, ""), need.flavour and f"the {need.flavour} flavour")))
    asked = f", which {who} needs" if who else ""
    built_in = context.kernel.modprobe_path == ""  # it has no modules, or never asks for one
    symbols = [f"CONFIG_{gate}=y" for gate in answer.gates]
    symbols += [f"CONFIG_{answer.config}={'y' if built_in else 'm'}"] if answer.config else []
    shipped = "" if built_in else f" and ship the module {need.name}"
    mend = f"set {' and '.join(symbols)}{shipped}" if symbols else f"ship {need.name}"
    return finding(
        "kernel-feature-missing",
        rows[0],
        need.name,
        f"{context.shown} has no {need.name}{asked}: {answer.reason}; {mend}.",
        evidence={
            "module": need.name,
            "config": answer.config,
            "gates": list(answer.gates),
            "reason": answer.reason,
            "family": need.family or None,
            "flavour": need.flavour or None,
        },
        fix=f"{mend[0].upper()}{mend[1:]}.",
        affects=rows[1:],
    )


def why_unknown(answers: Iterable[ModuleAnswer], *, new_enough: bool | None) -> str:
    """The reasons of a row whose answer is unknown, in one sentence."""
    reasons: dict[str, list[str]] = {}
    if new_enough is None:
        reasons["no source tells the kernel's version"] = []
    for answer in answers:
        if answer.presence is Presence.UNKNOWN:
            reasons.setdefault(answer.reason, []).append(answer.need.name)
    told = [f"{', '.join(names)}: {reason}" if names else reason for reason, names in reasons.items()]
    return "; ".join(told[:_SHOWN_REASONS]) if len(told) <= _SHOWN_REASONS else enumerate_names(told, _SHOWN_REASONS)
