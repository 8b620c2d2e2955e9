"""Which revisions of which ipset set types a kernel supports, and whether an image's ipset gets along with them.

Each type is a module that says so in its description: `hash:ip type of IP sets, revisions 0-6` (since Linux 3.11;
IP_SET_MODULE_DESC in include/linux/netfilter/ipset/ip_set.h). An ipset program asks the kernel for the range and
takes the highest revision that both have; with none in common it gives up (ipset's lib/types.c). Listing a set
needs its very revision, which is the kernel's highest where a newer program made the set.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from auditor.kernel.evidence import Evidence
from auditor.kernel.model import Kernel, Relation, SetTypeMatch, SetTypeRange

_DESCRIPTION = re.compile(
    r"((?:bitmap|hash|list):[a-z]+(?:,[a-z]+)*) type of IP sets, revisions ([0-9]{1,4})-([0-9]{1,4})"
)
_PREFIX = "ip_set_"
_MODULE = re.compile(r"ip_set_(?:bitmap|hash|list)_[a-z]+")
_SYMBOL = re.compile(r"IP_SET_(?:BITMAP|HASH|LIST)_[A-Z]+")


class UserspaceType(Protocol):
    """A set type at one revision that an ipset program knows, such as `auditor.tools.model.SetType`."""

    @property
    def name(self) -> str:
        """`hash:ip,port`."""

    @property
    def revision(self) -> int:
        """0 and up."""


def is_set_type(module: str) -> bool:
    """Whether a module of this name carries a set type."""
    return _MODULE.fullmatch(module) is not None


def read_set_types(evidence: Evidence) -> tuple[tuple[SetTypeRange, ...], tuple[tuple[str, str], ...]]:
    """The types by name, and (module, reason) of each whose revisions can't be told."""
    names = sorted(name for name in evidence.modules if is_set_type(name))
    evidence.fetch(names)
    descriptions = {name: evidence.modinfo(name).description for name in names}
    for name, info in (evidence.built_in_info or {}).items():
        if is_set_type(name):
            descriptions.setdefault(name, info.description)
    found, unknown = [], []
    for name, description in sorted(descriptions.items()):
        match = _DESCRIPTION.fullmatch(description)
        if match is None:
            unknown.append((name, f"its description gives no revisions: {description[:80]!r}"))
        else:
            found.append(SetTypeRange(match[1], int(match[2]), int(match[3]), name))
    unknown += [(name, reason) for name, reason in sorted(_untold(evidence).items()) if name not in descriptions]
    return tuple(sorted(found, key=lambda entry: entry.name)), tuple(unknown)


def compare_set_types(kernel: Kernel, image: Iterable[UserspaceType]) -> tuple[SetTypeMatch, ...]:
    """Each type that either of them has, by name. `image` holds a row for every revision that its ipset knows."""
    ranges = {entry.name: entry for entry in kernel.set_types}
    revisions: dict[str, set[int]] = {}
    for row in image:
        revisions.setdefault(row.name, set()).add(row.revision)
    return tuple(
        _compare(name, kernel, ranges.get(name), revisions.get(name)) for name in sorted({*ranges, *revisions})
    )


def _compare(name: str, kernel: Kernel, entry: SetTypeRange | None, revisions: set[int] | None) -> SetTypeMatch:
    image = None if revisions is None else (min(revisions), max(revisions))
    if entry is None:
        reason = _why_unknown(name, kernel.set_types_unknown)
        return SetTypeMatch(name, None, image, Relation.UNKNOWN if reason else Relation.KERNEL_LACKS, reason)
    in_kernel = (entry.minimum, entry.maximum)
    if revisions is None:
        return SetTypeMatch(name, in_kernel, None, Relation.IMAGE_LACKS)
    if not any(entry.minimum <= revision <= entry.maximum for revision in revisions):
        return SetTypeMatch(name, in_kernel, image, Relation.DISJOINT)
    highest = max(revisions)
    if entry.maximum > highest:
        return SetTypeMatch(name, in_kernel, image, Relation.KERNEL_HIGHER)
    return SetTypeMatch(name, in_kernel, image, Relation.IMAGE_HIGHER if highest > entry.maximum else Relation.SAME)


def _why_unknown(name: str, unknown: Sequence[tuple[str, str]]) -> str:
    """The reason why a type's revisions aren't known; "" where it is known that the kernel has no such type."""
    kind, _, rest = name.partition(":")
    module = f"{_PREFIX}{kind}_{rest.replace(',', '')}"
    return next((reason for listed, reason in unknown if listed in (module, f"{_PREFIX}*")), "")


def _untold(evidence: Evidence) -> dict[str, str]:
    """The modules of set types that this kernel has, or may have, without a source that shows them."""
    missing: dict[str, str] = {}
    shipped = "another package of this kernel may hold it"
    if not evidence.installed:
        names = {name for name in evidence.ordered or () if is_set_type(name)}
        missing |= dict.fromkeys(names, f"modules.order lists it; {shipped}")
    config = evidence.config
    if config is not None:
        for symbol, value in config.values.items():
            if _SYMBOL.fullmatch(symbol) and value in ("y", "m"):
                name = module_name_of(symbol)
                if value == "m" and evidence.installed:
                    continue
                reason = (
                    shipped if value == "m" else "it is built in, and no modules.builtin.modinfo gives its revisions"
                )
                missing.setdefault(name, f"CONFIG_{symbol}={value}; {reason}")
    told = config is not None and config.complete
    if not told and (evidence.built_in is None or (evidence.ordered is None and not evidence.installed)):
        missing[f"{_PREFIX}*"] = "neither a config nor the kernel's lists of modules tell which types it has"
    return missing


def module_name_of(symbol: str) -> str:
    """`IP_SET_HASH_IPPORT` builds `ip_set_hash_ipport` (net/netfilter/ipset/Makefile)."""
    return symbol.lower()
