"""JUnit XML, as CI servers read it: a test case per requirement; what is not met is a failure, unknown is skipped.

Where the verdict is `pass`, what is not met was let through, and is skipped too: a CI server and the exit code agree.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.report.register import Style
from auditor.report.results import Case, Result, Results
from auditor.report.views import results_of
from auditor.report.words import xml

if TYPE_CHECKING:
    from auditor.report.register import Document

_SKIPPED = ("unknown", "waived", "not-applicable")


def write(document: "Document", style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The document as test suites, one for each group of cases."""
    return "\n".join(_suites(_agreeing(results_of(document)))) + "\n"


def _agreeing(results: Results) -> Results:
    """The cases so that some fails where the verdict does, and none where it doesn't."""
    if results.verdict == "pass":
        let_through = tuple(
            replace(case, status="waived", reason=f"not met, {results.outcome}: {case.reason}")
            if case.status == "not-met"
            else case
            for case in results.cases
        )
        return replace(results, cases=let_through)
    if any(case.status == "not-met" for case in results.cases):
        return results
    verdict = Case("verdict", "verdict", "nothing that was found fails", "not-met", results.conclusion, results.results)
    return replace(results, cases=(*results.cases, verdict))


def _suites(results: Results) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="{xml(results.name)}" {_counts(results.cases)}>'
    for group, cases in groupby(sorted(results.cases, key=lambda case: case.group), key=lambda case: case.group):
        yield from _suite(group, tuple(cases), results)
    yield "</testsuites>"


def _suite(group: str, cases: tuple[Case, ...], results: Results) -> Iterator[str]:
    yield f'  <testsuite name="{xml(group)}" {_counts(cases)} errors="0" time="0">'
    yield "    <properties>"
    for name, value in (("spec", results.spec), ("verdict", results.verdict), ("conclusion", results.conclusion)):
        yield f'      <property name="{name}" value="{xml(value)}"/>'
    yield "    </properties>"
    for case in cases:
        yield from _case(case)
    yield "  </testsuite>"


def _case(case: Case) -> Iterator[str]:
    yield f'    <testcase classname="{xml(case.group)}" name="{xml(case.id)}: {xml(case.text)}" time="0">'
    if case.status == "not-met":
        yield f'      <failure type="not-met" message="{xml(case.reason)}">{_told(case.results)}</failure>'
    elif case.status in _SKIPPED:
        yield f'      <skipped message="{xml(_why_skipped(case))}"/>'
    if case.status != "not-met" and case.results:
        yield f"      <system-out>{_told(case.results)}</system-out>"
    yield "    </testcase>"


def _why_skipped(case: Case) -> str:
    """The status, which some reasons begin with."""
    if case.reason.startswith(f"{case.status}: "):
        return case.reason
    return f"{case.status}: {case.reason}" if case.reason else case.status


def _told(results: tuple[Result, ...]) -> str:
    return "\n".join(
        xml(f"{result.severity} {result.rule} {result.subject}: {result.told} {result.fix}".rstrip())
        for result in results
    )


def _counts(cases: tuple[Case, ...]) -> str:
    failures = sum(case.status == "not-met" for case in cases)
    skipped = sum(case.status in _SKIPPED for case in cases)
    return f'tests="{len(cases)}" failures="{failures}" skipped="{skipped}"'
