"""Saved reports, read again: to be judged anew, compared, or taken for accepted."""

import json
from pathlib import Path

from auditor.budget import check_json
from auditor.errors import UsageError
from auditor.files import refuse_named_pipe
from auditor.image.model import Platform
from auditor.image.platforms import fitness, host_platform
from auditor.image.reference import Reference
from auditor.report.audit.document import any_from_document
from auditor.report.model import IndexReport, Report, ReportIndex

_MAX_REPORT_BYTES = 256 << 20


def read_report(reference: Reference) -> Report | IndexReport:
    """A report of an image or an index saved with `-o json=FILE`; UsageError where the file is not one."""
    path = reference.path or Path()
    refuse_named_pipe(path, str(path))
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_REPORT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read the report: {error.strerror}", str(path)) from error
    if len(data) > _MAX_REPORT_BYTES:
        raise UsageError(f"a report is at most {_MAX_REPORT_BYTES} bytes", str(path))
    check_json(data, str(path))
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the report is not JSON: {error}", str(path)) from error
    saved = any_from_document(document, str(path))
    if isinstance(saved, IndexReport) and not saved.platforms:
        raise UsageError("the report is of an index without any platform", str(path))
    return saved


def of_platform(saved: Report | IndexReport, chosen: Platform | None, where: str) -> Report:
    """The report that is meant: of an index the chosen platform's, else this machine's, else the only one."""
    if isinstance(saved, Report):
        return saved
    offered = [one.image.platform for one in saved.platforms]
    fitting = [one for one in saved.platforms if fitness(chosen or host_platform(), one.image.platform) is not None]
    if not fitting and chosen is None and len(saved.platforms) == 1:
        fitting = list(saved.platforms)
    if not fitting:
        has = ", ".join(map(str, offered)) or "none"
        raise UsageError(f"the report has no platform {chosen or host_platform()}", where, f"it has: {has}")
    return fitting[0]


def of_index(saved: Report | IndexReport) -> IndexReport:
    """A report of one image stands for an index that has nothing else."""
    if isinstance(saved, IndexReport):
        return saved
    image = saved.image
    index = ReportIndex(image.reference, image.source, None, (image.platform,))
    return IndexReport(index, saved.verdict, (saved,), ())
