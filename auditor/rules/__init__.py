"""The rules: one function each, from a spec and a subject to findings."""

from auditor.rules import image, index, kernel
from auditor.rules.context import NEVER, Options
from auditor.rules.image.context import ImageContext
from auditor.rules.index.context import IndexContext
from auditor.rules.model import Finding, Rule, Severity, Subject, find_rule, rules, run_rules

__all__ = [
    "NEVER",
    "Finding",
    "ImageContext",
    "IndexContext",
    "Options",
    "Rule",
    "Severity",
    "Subject",
    "find_rule",
    "image",
    "index",
    "kernel",
    "rules",
    "run_rules",
]
