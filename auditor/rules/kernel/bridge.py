"""From a spec's words to what a kernel is asked: the two know nothing of each other."""

from auditor.kernel.model import ConfigSymbol, FeatureNeed, ModuleNeed, Replacement
from auditor.kernel.version import parse_version
from auditor.spec import Module, Spec
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
        option=module.option,
    )


def _symbol(symbol: Symbol) -> ConfigSymbol:
    return ConfigSymbol(symbol.name, parse_version(symbol.since), parse_version(symbol.before))
