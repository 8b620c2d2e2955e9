"""From what the user wrote for IMAGE to a report: a fresh audit, or a saved report judged anew."""

import json
from collections.abc import Sequence
from pathlib import Path

from auditor.audit import audit, judge
from auditor.errors import UsageError
from auditor.image import Reference, Scheme, load, parse, parse_platform
from auditor.report.document import from_document
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import Spec
from auditor.waivers import Waiver

_MAX_REPORT_BYTES = 256 << 20


def audit_reference(
    text: str, spec: Spec, options: Options, waivers: Sequence[Waiver], platform: str | None = None
) -> Report:
    """Audit the image that `text` names, or judge the saved report `report:FILE` by this spec and these waivers."""
    reference = parse(text)
    if reference.scheme is Scheme.REPORT:
        saved = read_report(reference)
        return judge(saved.image, saved.inventory, spec, options, waivers)
    chosen = parse_platform(platform) if platform else None
    with load(reference, platform=chosen) as image:
        return audit(image, spec, options, waivers)


def read_report(reference: Reference) -> Report:
    """A report saved with `-o json=FILE`; UsageError where the file is not one."""
    path = reference.path or Path()
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_REPORT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read the report: {error.strerror}", str(path)) from error
    if len(data) > _MAX_REPORT_BYTES:
        raise UsageError(f"a report is at most {_MAX_REPORT_BYTES} bytes", str(path))
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the report is not JSON: {error}", str(path)) from error
    return from_document(document, str(path))
