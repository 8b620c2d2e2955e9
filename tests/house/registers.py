"""What is registered: the lists that the tests of the house go through."""

from auditor.report.register import FORMATS as REGISTER
from auditor.report.register import Kind, formats

# Each command that writes a report, with the names of its formats.
FORMATS: dict[str, tuple[str, ...]] = {
    "check": formats(Kind.REPORT),
    "diff": formats(Kind.DIFF),
    "kernel": formats(Kind.KERNEL),
    "sweep": formats(Kind.SWEEP),
    "sbom": formats(Kind.BILL),
}
EVERY_FORMAT = tuple(entry.name for entry in REGISTER)


def module_of(name: str) -> str:
    """The module that writes a format."""
    return next(entry.module for entry in REGISTER if entry.name == name)
