"""The needs of `features.toml` as the values that the kernel room takes."""

import tomllib
from pathlib import Path
from typing import Any

from auditor.kernel.model import ConfigSymbol, FeatureNeed, ModuleNeed, Replacement
from auditor.kernel.version import parse_version


def load_needs() -> tuple[FeatureNeed, ...]:
    """Every feature of the file, in its order."""
    document = tomllib.loads((Path(__file__).parent / "features.toml").read_text(encoding="utf-8"))
    modules = {name: _module(name, table) for name, table in document["module"].items()}
    return tuple(
        FeatureNeed(
            id=feature["id"],
            modules=tuple(modules[name] for name in feature.get("modules", ())),
            min_version=parse_version(feature.get("min_version", "")),
        )
        for feature in document["feature"]
    )


def _module(name: str, table: dict[str, Any]) -> ModuleNeed:
    return ModuleNeed(
        name=name,
        config=_symbols(table.get("config", ())),
        gates=_symbols(table.get("gates", ())),
        aliases=tuple(table.get("aliases", ())),
        replaced_by=tuple(
            Replacement(other["name"], parse_version(other.get("since", ""))) for other in table.get("replaced_by", ())
        ),
        since=parse_version(table.get("since", "")),
        before=parse_version(table.get("before", "")),
        family=table.get("family", ""),
        flavour=table.get("flavour", ""),
    )


def _symbols(tables: list[dict[str, str]]) -> tuple[ConfigSymbol, ...]:
    return tuple(
        ConfigSymbol(table["name"], parse_version(table.get("since", "")), parse_version(table.get("before", "")))
        for table in tables
    )
