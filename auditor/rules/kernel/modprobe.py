"""Whether the program that loads modules is where a kernel says."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.inventory.model import Kmod
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.kernel.context import Outcome, PairContext, Unknown, findings_of
from auditor.rules.model import Subject, also, rule
from auditor.severity import Severity
from auditor.spec import Kind, Spec
from auditor.tools.project.kmod import KMOD

_RULE = "modprobe-unreachable"
#: The kernel's default, and what distributions that merged bin and sbin set.
_USUAL = ("/sbin/modprobe", "/usr/bin/modprobe")
NOT_LOOKED_AT = "the report was saved before audits looked at modprobe: save it anew"


def _module_loader(spec: Spec) -> tuple[str, ...]:
    """kmod, where a row needs modules of the kernel."""
    return (KMOD,) if any(row.needs and row.needs.modules for row in spec.requirements) else ()


@rule(
    _RULE,
    Severity.NOTE,
    Subject.IMAGE,
    mend="Link the missing path to the image's modprobe.",
    further_tools=_module_loader,
)
def modprobe_unreachable(context: ImageContext) -> Iterator[Finding]:
    """The image has no program where a kernel says that modprobe is.

    The kernel names one path, CONFIG_MODPROBE_PATH, which sysctl kernel.modprobe shows and changes (proc(5);
    Documentation/admin-guide/sysctl/kernel.rst): /sbin/modprobe by default, /usr/bin/modprobe on distributions that
    merged their directories for programs. iptables reads it from /proc/sys/kernel/modprobe, and runs what is at that
    path in the container to load ip_tables and the like (xtables_load_ko in libxtables); without it, legacy iptables
    answers `Cannot initialize: iptables who? (do you need to insmod?)` where the node has not loaded them. A note
    from the image alone, about the two usual paths; a warning with `audit-image kernel --image`, where that kernel's
    own path leads nowhere.
    """
    kmod = context.inventory.kmod
    if kmod is None:
        return
    row = next((row.id for row in context.rows(Kind.FEATURE) if row.needs and row.needs.modules), None)
    for path in _USUAL:
        place = kmod.place(path)
        if place is not None and not place.resolved_path:
            blame = context.blame(place.layer)
            gone = f": {blame} deletes it" if blame else f" ({place.reason})"
            yield finding(
                _RULE,
                row,
                path,
                f"No program is at {path}{gone}; on nodes whose kernel names that path, the image's tools can't load "
                "modules.",
                evidence=_evidence(kmod),
                layer=place.layer,
                fix=_fix(path, kmod),
            )


@also(_RULE, Subject.PAIR)
def unreachable_for_kernel(context: PairContext) -> Iterator[Finding]:
    """The path of this very kernel."""
    return findings_of(look_at_modprobe(context))


def look_at_modprobe(context: PairContext) -> Iterator[Outcome]:
    """Where the kernel's path leads in the image."""
    kernel, kmod = context.kernel, context.inventory.kmod
    path = kernel.modprobe_path
    if path == "":
        return  # this kernel never runs one
    if path is None or kmod is None:
        reason = NOT_LOOKED_AT if kmod is None else f"what the kernel runs as modprobe: {kernel.modprobe_reason}"
        yield Unknown(_RULE, "modprobe", reason)
        return
    place = kmod.place(path)
    if place is None:
        yield Unknown(_RULE, path, "the kernel names an unusual path, which the image was not searched for")
    elif not place.resolved_path:
        rows = [row.id for row, _ in context.rows() if row.needs and row.needs.modules]
        yield finding(
            _RULE,
            rows[0] if rows else None,
            path,
            f"{context.shown} names {path} as its modprobe, and no program is there in the image ({place.reason}): "
            "tools in the container can't load modules.",
            severity=Severity.WARNING,
            evidence=_evidence(kmod),
            layer=place.layer,
            fix=_fix(path, kmod),
        )


def _evidence(kmod: Kmod) -> dict[str, object]:
    return {"on_path": kmod.on_path or None, "reachable": [place.path for place in kmod.places if place.resolved_path]}


def _fix(path: str, kmod: Kmod) -> str:
    target = kmod.on_path or next((place.resolved_path for place in kmod.places if place.resolved_path), "")
    return f"Link {path} to {target}." if target else f"Install kmod, and link {path} to it."
