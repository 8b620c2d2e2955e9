"""What an image asks of the nodes' kernels, as POSIX shell assignments that `. FILE` reads.

A preflight splits each list at blanks; an entry `NEW|OLD` holds names of which one is enough, ready for grep:

    for symbols in $AUDIT_IMAGE_NEEDS_CONFIG; do
      grep -Eq "^CONFIG_($symbols)=[ym]" "/boot/config-$(uname -r)" || echo "none of $symbols is set"
    done
"""

from auditor.report.audit.needs import needs
from auditor.report.model import IndexReport, Report
from auditor.report.register import Style
from auditor.report.words import printable

_PREFIX = "AUDIT_IMAGE_NEEDS_"


def write(report: Report | IndexReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """Four assignments: IMAGE, KERNEL (the oldest version that will do), MODULES, CONFIG."""
    total = needs(report)
    values = {
        "IMAGE": report.index.reference if isinstance(report, IndexReport) else report.image.reference,
        "KERNEL": total.min_version,
        "MODULES": " ".join("|".join(names) for names in total.modules),
        "CONFIG": " ".join("|".join(names) for names in total.config),
    }
    return "".join(f"{_PREFIX}{name}={quoted(value)}\n" for name, value in values.items())


def quoted(text: str) -> str:
    """A word of the shell that stands for the text: nothing in single quotes means anything but their end.

    NUL, which no shell word holds, and other control characters are spelled out.
    """
    return "'" + printable(text).replace("'", "'\\''") + "'"
