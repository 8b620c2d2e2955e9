"""The kinds of package databases that are read, and what each knows of its packages' versions and purls."""

from importlib import import_module

from auditor.packages.model import DatabaseKind, Described

# One line for each kind: the module that ends with its `KIND`.
_MODULES = (
    "dpkg",
    "rpm",
    "apk",
    "opkg",
)
KINDS: tuple[DatabaseKind, ...] = tuple(import_module(f"auditor.packages.{name}").KIND for name in _MODULES)
_BY_TYPE = {kind.type: kind for kind in KINDS}


def compare_versions(kind: str, left: str, right: str) -> int | None:
    """Below 0 where `left` is older, 0 where they are equal, above 0 where it is newer; None for an unknown `kind`."""
    known = _BY_TYPE.get(kind)
    return known.compare(left, right) if known else None


def purl_parts(package: Described) -> tuple[str, dict[str, str]] | None:
    """A package's version and qualifiers as its purl type has them (purl-spec); None for an unknown type."""
    known = _BY_TYPE.get(package.type)
    return known.purl_parts(package) if known else None
