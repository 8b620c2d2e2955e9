"""From what the user wrote for IMAGE to a report: a fresh audit, or a saved report judged anew."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditor.audit import audit, audit_index, judge
from auditor.audit.load import load, load_index
from auditor.audit.waivers import Waiver
from auditor.cli.progress import listening
from auditor.errors import UsageError
from auditor.image import Access, Reference, Scheme, parse, parse_platform
from auditor.report.audit.document import from_document
from auditor.report.model import IndexReport, Report
from auditor.rules import Options
from auditor.spec import Spec

_MAX_REPORT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Reach:
    """How to get at an image: which platform of it, how registries are reached, and what is said meanwhile."""

    platform: str | None = None
    authfile: str | None = None
    ca: str | None = None
    plain_http: bool = False
    quiet: bool = True
    verbose: bool = False

    @property
    def access(self) -> Access:
        """The part of it that registries need."""
        authfile = Path(self.authfile) if self.authfile else None
        return Access(authfile, Path(self.ca) if self.ca else None, self.plain_http)


def audit_reference(
    text: str, spec: Spec, options: Options, waivers: Sequence[Waiver] = (), reach: Reach | None = None
) -> Report:
    """Audit the image that `text` names, or judge the saved report `report:FILE` by this spec and these waivers."""
    reach = reach or Reach()
    reference = parse(text)
    chosen = parse_platform(reach.platform) if reach.platform else None
    options = replace(options, chosen_platform=chosen is not None)
    if reference.scheme is Scheme.REPORT:
        saved = read_report(reference)
        return judge(saved.image, saved.inventory, spec, options, waivers)
    with (
        listening(quiet=reach.quiet, verbose=reach.verbose) as listener,
        load(reference, platform=chosen, listener=listener, access=reach.access) as image,
    ):
        return audit(image, spec, options, waivers)


def audit_for_platforms(
    text: str, platforms: Sequence[str], spec: Spec, options: Options, reach: Reach
) -> tuple[Report, ...]:
    """One report for each platform; a saved report has the one that it was made for."""
    chosen = () if parse(text).scheme is Scheme.REPORT else platforms
    return tuple(audit_reference(text, spec, options, (), replace(reach, platform=name)) for name in chosen or (None,))


def audit_all_platforms(
    text: str, spec: Spec, options: Options, waivers: Sequence[Waiver] = (), reach: Reach | None = None
) -> IndexReport:
    """Audit every platform of the image that `text` names; layers that they share are read once."""
    reach = reach or Reach()
    with (
        listening(quiet=reach.quiet, verbose=reach.verbose) as listener,
        load_index(parse(text), listener=listener, access=reach.access) as index,
    ):
        return audit_index(index, spec, options, waivers)


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
