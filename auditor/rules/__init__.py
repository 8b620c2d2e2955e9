"""The rules: one function each, from a spec and a subject to findings."""

from auditor.rules import entrypoint, extensions, kernel, kernel_floor, libraries, loading, packages, platforms, tools
from auditor.rules.context import NEVER, ImageContext, Options
from auditor.rules.model import Finding, Rule, Severity, Subject, find_rule, rules, run_rules
from auditor.rules.platforms import IndexContext

__all__ = [
    "NEVER",
    "Finding",
    "ImageContext",
    "IndexContext",
    "Options",
    "Rule",
    "Severity",
    "Subject",
    "entrypoint",
    "extensions",
    "find_rule",
    "kernel",
    "kernel_floor",
    "libraries",
    "loading",
    "packages",
    "platforms",
    "rules",
    "run_rules",
    "tools",
]
