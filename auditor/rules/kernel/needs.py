"""What an image's tools need of a kernel, in the spec's words."""

from collections.abc import Collection

from auditor.inventory.model import Inventory
from auditor.spec import Needs, Spec


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
