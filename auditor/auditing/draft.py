"""A waiver file drafted from what fails today: who accepts it writes why, and answers for it."""

import datetime
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from auditor.errors import UsageError
from auditor.files import exists
from auditor.finding import Finding
from auditor.report.model import IndexReport, Report
from auditor.report.time import build_time
from auditor.report.words import printable
from auditor.severity import FailOn

DAYS = 90  # that a drafted waiver counts
_HEAD = """\
# Accepted deviations: say why in each `reason`, and who answers for it in `owner`; then give the file with --waivers.
# `image = "GLOB"` narrows a waiver to the images of that name."""
_GLOB = re.compile(r"([*?\[])")


def check_draft(path: str) -> None:
    """UsageError where a draft can't be written: there is a file already, which may hold somebody's reasons."""
    file = Path(path)
    if exists(file):
        raise UsageError("there is a file of that name", path, "give another one, or remove it")
    if not file.parent.is_dir():
        raise UsageError("there is no such folder", str(file.parent))


def today() -> datetime.date:
    """The day that a draft counts from, in UTC: the one that the build is told, else the day it is."""
    return (build_time() or datetime.datetime.now(datetime.UTC)).date()


def draft_waivers(reports: Iterable[Report | IndexReport], fail_on: FailOn, today: datetime.date) -> str:
    """A waiver for each finding that fails, without a reason or an owner, which a waiver file must have."""
    gate = FailOn.ERROR if fail_on is FailOn.NEVER else fail_on
    tables: dict[str, None] = {}
    for finding in _findings(reports):
        if finding.fails(gate):
            tables["\n".join(_table(finding, today + datetime.timedelta(days=DAYS)))] = None
    return "\n\n".join([_HEAD, *tables]) + "\n"


def _findings(reports: Iterable[Report | IndexReport]) -> Iterator[Finding]:
    for report in reports:
        yield from report.findings
        if isinstance(report, IndexReport):
            for one in report.platforms:
                yield from one.findings


def _table(finding: Finding, expires: datetime.date) -> Iterator[str]:
    yield "[[waiver]]"
    yield f"# {finding.severity}: {printable(finding.message)}"
    yield f"rule = {json.dumps(finding.rule)}"
    yield f"subject = {_glob(finding.subject)}"
    yield 'reason = ""'
    yield 'owner = ""'
    yield f"expires = {expires.isoformat()}"


def _glob(text: str) -> str:
    """A pattern that matches this text; for what a file can't show it has a `?`."""
    shown = "".join(char if printable(char) == char else "?" for char in _GLOB.sub(r"[\1]", text))
    return json.dumps(shown, ensure_ascii=False)
