"""Whether a node's processor has what the image's programs need."""

from collections.abc import Iterator

from auditor import processor
from auditor.finding import Finding
from auditor.inventory.model import CpuFloor
from auditor.rules.context import enumerate_names, finding
from auditor.rules.kernel.context import Outcome, PairContext, Unknown, findings_of
from auditor.rules.model import Subject, also
from auditor.severity import Severity
from auditor.spec import Kind

_RULE = "cpu-floor"


@also(_RULE, Subject.PAIR)
def beyond_this_processor(context: PairContext) -> Iterator[Finding]:
    """The node's own processor, or the one that --cpu names."""
    return findings_of(look_at_processor(context))


def look_at_processor(context: PairContext) -> Iterator[Outcome]:
    """What the image needs beyond what the node has: the highest need that is enforced, and the highest marked one."""
    architecture = context.inventory.architecture
    floors = context.inventory.floors.cpu
    has = _level(context, architecture)
    if not has:
        baseline = processor.baseline(architecture)
        beyond = [floor for floor in floors if processor.is_beyond(architecture, floor.level, baseline)]
        if beyond:
            level = processor.highest(architecture, (floor.level for floor in beyond))
            why = context.kernel.cpu_reason or "name it with --cpu, or give what node-facts wrote on the node"
            yield Unknown(_RULE, level, f"the processor of the node isn't known: {why}")
        return
    beyond = [floor for floor in floors if processor.is_beyond(architecture, floor.level, has)]
    for enforced in (True, False):
        own = [floor for floor in beyond if floor.enforced is enforced]
        if own:
            yield _finding(context, architecture, own, has)


def _level(context: PairContext, architecture: str) -> str:
    """The node's own, which is known better than the cluster's oldest."""
    kernel = context.kernel
    own = processor.seen_as(kernel.architecture, kernel.cpu_level, architecture)
    return own or dict(context.options.cpu).get(architecture, "")


def _who(context: PairContext, architecture: str) -> str:
    kernel = context.kernel
    if processor.seen_as(kernel.architecture, kernel.cpu_level, architecture):
        return f"the processor of node {kernel.node}"
    return f"the oldest processor that --cpu names for {context.shown}"


def _finding(context: PairContext, architecture: str, floors: list[CpuFloor], has: str) -> Finding:
    level = processor.highest(architecture, (floor.level for floor in floors))
    # What starts all programs stands for the others.
    floors = sorted(
        (floor for floor in floors if floor.level == level),
        key=lambda floor: ("/ld" not in floor.path, "/libc.so" not in floor.path, floor.path),
    )
    first = floors[0]
    paths = [floor.path for floor in floors]
    does = "does not start there" if first.enforced else "is built so, and its loader does not check it: it may die"
    row = next(iter(context.spec.of_kind(Kind.CPU)), None)
    return finding(
        _RULE,
        row.id if row else None,
        first.path,
        f"{enumerate_names(paths, 3)} {'needs' if len(paths) == 1 else 'need'} a processor of {first.level} "
        f"({first.evidence}), and {_who(context, architecture)} has {has}: it {does}.",
        severity=Severity.ERROR if first.enforced else Severity.WARNING,
        evidence={"level": first.level, "node": has, "enforced": first.enforced, "paths": paths},
        layer=first.layer,
    )
