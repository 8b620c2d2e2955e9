"""The requirements as data: one TOML file per published document, validated when it is loaded."""

from auditor.spec.load import load_spec, shipped_specs
from auditor.spec.model import Incident, Kind, Module, Needs, Requirement, Spec

__all__ = ["Incident", "Kind", "Module", "Needs", "Requirement", "Spec", "load_spec", "shipped_specs"]
