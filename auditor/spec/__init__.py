"""The requirements as data: one TOML file per published document, validated when it is loaded."""

from auditor.spec.load import load_spec, read_spec, shipped_specs
from auditor.spec.model import Incident, Kind, Module, Needs, Requirement, Spec
from auditor.spec.modes import chosen_modes

__all__ = [
    "Incident",
    "Kind",
    "Module",
    "Needs",
    "Requirement",
    "Spec",
    "chosen_modes",
    "load_spec",
    "read_spec",
    "shipped_specs",
]
