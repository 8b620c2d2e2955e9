"""Whether the container starts."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind


@rule(
    "entrypoint-broken",
    Severity.ERROR,
    Subject.IMAGE,
    mend="Correct Entrypoint or Cmd, or ship the program that it hands over to.",
)
def entrypoint_broken(context: ImageContext) -> Iterator[Finding]:
    """Entrypoint or Cmd that can't start.

    Not found on PATH, empty, without a usable interpreter, or a script that unconditionally hands over (`exec`
    with a literal first word) to a program that is not there. What a script computes is unknown: a note at most.
    A script that its own shell refuses to read is an error, also where it is sourced or run by literal name; a
    warning where it isn't known which shell reads it, and neither dash nor bash would, or whether it comes to that.
    """
    row = context.the_row(Kind.ENTRYPOINT)
    for problem in context.inventory.start_problems:
        evidence = {"script": problem.script, "line": problem.line, "text": problem.text}
        yield finding(
            "entrypoint-broken",
            row,
            problem.subject,
            problem.message,
            severity=None if problem.sure else Severity.WARNING,
            evidence={key: value for key, value in evidence.items() if value},
            layer=problem.layer,
            fix=f"Mend line {problem.line} of {problem.script}, or ship what it starts." if problem.line else "",
        )
    for unknown in context.inventory.start_unknowns:
        yield finding(
            "entrypoint-broken",
            row,
            unknown.script,
            unknown.message,
            severity=Severity.NOTE,
            evidence={"line": unknown.line},
        )
