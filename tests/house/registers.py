"""What is registered: the lists that the tests of the house go through."""

from auditor.cli.sbom import FORMATS as bill_formats
from auditor.report.diff.format import _MODULES as _DIFF
from auditor.report.diff.format import formats as diff_formats
from auditor.report.format import _MODULES as _CHECK
from auditor.report.format import formats as check_formats
from auditor.report.kernel.format import _MODULES as _KERNEL
from auditor.report.kernel.format import formats as kernel_formats

# Each command that writes a report, with the names of its formats.
FORMATS: dict[str, tuple[str, ...]] = {
    "check": check_formats(),
    "diff": diff_formats(),
    "kernel": kernel_formats(),
    "sbom": bill_formats,
}
EVERY_FORMAT = tuple(dict.fromkeys(name for names in FORMATS.values() for name in names))


def module_of(name: str) -> str:
    """The module that writes a format, in the first document that has it."""
    return next(modules[name] for modules in (_CHECK, _DIFF, _KERNEL) if name in modules)
