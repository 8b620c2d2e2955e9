"""What the image asks of processor, kernel and libraries: the oldest of each, and the newest symbol versions."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from auditor import processor
from auditor.inventory.model import CpuFloor, KernelFloor
from auditor.report.diff.model import Assessment, Change
from auditor.report.diff.pair import Pair, Side


def changes(pair: Pair) -> Iterator[Change]:
    """The processor needed, the highest kernel floor stated, and each tool's newest version of each name space."""
    if pair.same_machine:
        architecture = pair.new.inventory.architecture or pair.old.inventory.architecture
        yield from _cpu(_needed_cpu(pair.old, architecture), _needed_cpu(pair.new, architecture), architecture)
    yield from _kernel(_highest(pair.old), _highest(pair.new))
    groups: dict[tuple[str, str | None, str | None], set[str]] = defaultdict(set)
    olds, news = _symbols(pair.old), _symbols(pair.new)
    for _, tool in pair.kept_tools:
        before, after = olds.get(tool.name, {}), news.get(tool.name, {})
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                groups[name, before.get(name), after.get(name)].add(tool.name)
    for (name, old, new), tools in sorted(groups.items(), key=str):
        why = (
            "No program needs a version of it any more."
            if new is None
            else "The image's own library must have it; it matters where a program is copied elsewhere."
        )
        yield Change("symbol-floor", name, _dashed(name, old), _dashed(name, new), "neutral", why, tuple(sorted(tools)))


def _cpu(old: CpuFloor | None, new: CpuFloor | None, architecture: str) -> Iterator[Change]:
    before, after = _shown_cpu(old, architecture), _shown_cpu(new, architecture)
    if before == after:
        return
    old_key, new_key = _cpu_weight(old, architecture), _cpu_weight(new, architecture)
    assessment: Assessment = "neutral"
    why = f"{new.path} is marked so, and its loader does not check it." if new else "Nothing asks for more any more."
    if new is not None and new_key > old_key:
        assessment, why = "regression", f"{new.path} does not start on an older processor ({new.evidence})."
    elif new_key < old_key:
        assessment, why = "improvement", "It starts on older processors than before."
    yield Change("cpu-floor", "processor", before, after, assessment, why)


def _needed_cpu(side: Side, architecture: str) -> CpuFloor | None:
    """The floor that decides: an enforced one before one that is merely marked, then the highest."""

    def key(floor: CpuFloor) -> tuple[int, int]:
        return _cpu_weight(floor, architecture), processor.order(architecture, floor.level)

    return max(side.inventory.floors.cpu, key=key, default=None)


def _cpu_weight(floor: CpuFloor | None, architecture: str) -> int:
    """What an old processor would be refused for; every machine has the least level."""
    return max(processor.order(architecture, floor.level), 0) if floor is not None and floor.enforced else 0


def _shown_cpu(floor: CpuFloor | None, architecture: str) -> str | None:
    if floor is None or processor.order(architecture, floor.level) <= 0:
        return None
    return floor.level if floor.enforced else f"{floor.level}, marked only"


def _kernel(old: KernelFloor | None, new: KernelFloor | None) -> Iterator[Change]:
    before, after = _shown(old), _shown(new)
    if before == after:
        return
    old_key, new_key = _weight(old), _weight(new)
    assessment: Assessment = "neutral"
    why = f"{new.path} states it, and no loader enforces it." if new else "No file states a minimum any more."
    if new_key > old_key and new is not None:
        assessment, why = "regression", f"{new.path} does not start on an older kernel."
    elif new_key < old_key:
        assessment, why = "improvement", "It starts on older kernels than before."
    yield Change("kernel-floor", "kernel", before, after, assessment, why)


def _highest(side: Side) -> KernelFloor | None:
    """The floor that decides: an enforced one before a merely stated one, then the highest."""
    return max(side.inventory.floors.kernel, key=lambda floor: (*_weight(floor), _numbers(floor.version)), default=None)


def _weight(floor: KernelFloor | None) -> tuple[tuple[tuple[int, str], ...]]:
    """What an old kernel would be refused for; a floor that no loader enforces refuses none."""
    return (_numbers(floor.version) if floor is not None and floor.enforced else (),)


def _shown(floor: KernelFloor | None) -> str | None:
    if floor is None:
        return None
    return f"{floor.version}, enforced" if floor.enforced else floor.version


def _symbols(side: Side) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for floor in side.inventory.floors.symbols:
        known = found[floor.tool].get(floor.name)
        if known is None or _numbers(floor.version) > _numbers(known):
            found[floor.tool][floor.name] = floor.version
    return found


def _dashed(name: str, version: str | None) -> str | None:
    return None if version is None else f"{name}_{version}" if version else name


def _numbers(version: str) -> tuple[tuple[int, str], ...]:
    """What sorts like the version's numbers, of whatever length they are."""
    parts = (part.lstrip("0") for part in re.findall(r"\d+", version, re.ASCII))
    return tuple((len(part), part) for part in parts)
