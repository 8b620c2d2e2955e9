"""The requirements as data: one TOML file per published document, validated when it is loaded."""

from auditor.spec.load import load_spec, shipped_specs
from auditor.spec.model import Family, Incident, Kind, Module, Needs, Requirement, Spec

__all__ = ["Family", "Incident", "Kind", "Module", "Needs", "Requirement", "Spec", "load_spec", "shipped_specs"]
