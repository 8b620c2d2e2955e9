"""Audits container images, without running them, against a runtime contract.

As a library:

    from auditor import audit, load, load_spec

    with load("docker-archive:node.tar") as image:
        report = audit(image, load_spec("felix"))
    print(report.verdict, [finding.message for finding in report.findings])

What `__all__` names is the public interface; whatever else a module has may change with any release. The names are
imported when they are first used, so that a program that only wants one of them pays for no other.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.auditing import audit, audit_index, judge
    from auditor.auditing.kernel import audit_kernels
    from auditor.auditing.load import load, load_index
    from auditor.auditing.waivers import Waiver, load_waivers
    from auditor.errors import (
        AuditError,
        CorruptImage,
        ImageNotFound,
        LimitExceeded,
        SourceUnavailable,
        UnsupportedFormat,
        UsageError,
    )
    from auditor.family import Family
    from auditor.finding import Finding
    from auditor.image import Access, Platform, parse_platform
    from auditor.report.diff.compare import compare
    from auditor.report.model import IndexReport, Report
    from auditor.report.register import Style, write
    from auditor.rules import Options
    from auditor.severity import FailOn, Severity
    from auditor.spec import Spec, load_spec

_HOMES = {
    "auditor.auditing": ("audit", "audit_index", "judge"),
    "auditor.auditing.kernel": ("audit_kernels",),
    "auditor.auditing.load": ("load", "load_index"),
    "auditor.auditing.waivers": ("Waiver", "load_waivers"),
    "auditor.errors": (
        "AuditError",
        "CorruptImage",
        "ImageNotFound",
        "LimitExceeded",
        "SourceUnavailable",
        "UnsupportedFormat",
        "UsageError",
    ),
    "auditor.family": ("Family",),
    "auditor.finding": ("Finding",),
    "auditor.image": ("Access", "Platform", "parse_platform"),
    "auditor.report.diff.compare": ("compare",),
    "auditor.report.model": ("IndexReport", "Report"),
    "auditor.report.register": ("Style", "write"),
    "auditor.rules": ("Options",),
    "auditor.severity": ("FailOn", "Severity"),
    "auditor.spec": ("Spec", "load_spec"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Access",
    "AuditError",
    "CorruptImage",
    "FailOn",
    "Family",
    "Finding",
    "ImageNotFound",
    "IndexReport",
    "LimitExceeded",
    "Options",
    "Platform",
    "Report",
    "Severity",
    "SourceUnavailable",
    "Spec",
    "Style",
    "UnsupportedFormat",
    "UsageError",
    "Waiver",
    "audit",
    "audit_index",
    "audit_kernels",
    "compare",
    "judge",
    "load",
    "load_index",
    "load_spec",
    "load_waivers",
    "parse_platform",
    "write",
]


def __getattr__(name: str) -> object:
    """A public name, from the module that it lives in (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'auditor' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    """The public names, for whoever explores."""
    return sorted(__all__)
