"""The minimum kernel that the image's own files state."""

from collections.abc import Iterator
from itertools import groupby

from packaging.version import Version

from auditor.finding import Finding
from auditor.rules.context import enumerate_names, finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind


@rule(
    "kernel-floor",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Build on an older C library, or raise the documented minimum.",
)
def kernel_floor(context: ImageContext) -> Iterator[Finding]:
    """An ELF file that may start, or that a start loads, states a minimum kernel above the documented one.

    It does so in its `.note.ABI-tag` (LSB, "Object Format"). An error where the image's loader enforces the note (it
    answers "FATAL: kernel too old"), a warning where it only states it.
    """
    for row in context.rows(Kind.KERNEL):
        minimum = row.needs.min_version if row.needs else ""
        if not minimum:
            continue
        above = [floor for floor in context.inventory.floors.kernel if Version(floor.version) > Version(minimum)]
        above.sort(key=lambda floor: (Version(floor.version), floor.enforced), reverse=True)
        for (version, enforced), group in groupby(above, key=lambda floor: (floor.version, floor.enforced)):
            # The C library's floor is everybody's: it stands for the others.
            floors = sorted(group, key=lambda floor: ("/libc.so" not in floor.path, floor.path))
            paths = [floor.path for floor in floors]
            does = "refuses" if enforced else "states that it is not made for"
            yield finding(
                "kernel-floor",
                row.id,
                paths[0],
                f"The image {does} kernels below {version}, and {minimum} is documented ({enumerate_names(paths, 3)}).",
                severity=Severity.ERROR if enforced else Severity.WARNING,
                evidence={"floor": version, "minimum": minimum, "enforced": enforced, "paths": paths},
                layer=floors[0].layer,
            )
