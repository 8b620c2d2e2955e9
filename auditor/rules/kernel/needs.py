"""From a spec's words to what a kernel is asked, and to what a node's preflight needs to know."""

from collections.abc import Collection

from auditor.inventory.model import Inventory
from auditor.kernel.model import ConfigSymbol, FeatureNeed, ModuleNeed, Replacement
from auditor.kernel.version import parse_version
from auditor.spec import Module, Needs, Spec
from auditor.spec.model import Symbol


def feature_needs(spec: Spec) -> tuple[FeatureNeed, ...]:
    """The kernel's half of every row that has one, in the document's order."""
    modules = {name: _module(name, module) for name, module in spec.modules.items()}
    return tuple(
        FeatureNeed(
            id=row.id,
            modules=tuple(modules[name] for name in row.needs.modules),
            min_version=parse_version(row.needs.min_version),
        )
        for row in spec.requirements
        if row.needs is not None
    )


def concerned_modules(
    spec: Spec, needs: Needs, families: Collection[str], flavours: Collection[str]
) -> tuple[str, ...]:
    """The modules of a row that a node with these IP families and flavours of iptables needs."""
    return tuple(name for name in needs.modules if spec.modules[name].concerns(families, flavours))


def running_flavours(inventory: Inventory, tools: Collection[str]) -> frozenset[str]:
    """The flavours that these tools run under their plain names; none where that is a script or not known."""
    binaries = [tool.binary(tool.name) for tool in inventory.tools if tool.name in tools]
    return frozenset(binary.flavour for binary in binaries if binary is not None and binary.flavour)


def other_names(spec: Spec, modules: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What else will do, by module or CONFIG symbol: modules that replace one, older names of a symbol."""
    found: dict[str, tuple[str, ...]] = {}
    for name in modules:
        module = spec.modules[name]
        found[name] = tuple(other.name for other in module.replaced_by)
        for newest in module.config[:1]:
            found[newest.name] = tuple(symbol.name for symbol in module.config[1:])
    return {name: others for name, others in found.items() if others}


def _module(name: str, module: Module) -> ModuleNeed:
    return ModuleNeed(
        name=name,
        config=tuple(map(_symbol, module.config)),
        gates=tuple(map(_symbol, module.gates)),
        aliases=module.aliases,
        replaced_by=tuple(Replacement(other.name, parse_version(other.since)) for other in module.replaced_by),
        since=parse_version(module.since),
        before=parse_version(module.before),
        family=module.family or "",
        flavour=module.flavour or "",
    )


def _symbol(symbol: Symbol) -> ConfigSymbol:
    return ConfigSymbol(symbol.name, parse_version(symbol.since), parse_version(symbol.before))
