"""The rules: one function each, from a spec and a subject to findings."""

from auditor.rules import image, index, kernel
from auditor.rules.context import Options
from auditor.rules.image.context import ImageContext
from auditor.rules.index.context import IndexContext
from auditor.rules.model import Rule, Subject, find_rule, rules, run_rules

__all__ = [
    "ImageContext",
    "IndexContext",
    "Options",
    "Rule",
    "Subject",
    "find_rule",
    "image",
    "index",
    "kernel",
    "rules",
    "run_rules",
]
