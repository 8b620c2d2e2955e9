"""Parts of the papers that are written by a command, so that they can't go out of date: `make papers`.

A part stands between two comments, `<!-- NAME: made by make papers -->` and `<!-- end of NAME -->`.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from auditor.report.register import FORMATS, Kind
from auditor.rules import rules
from tests.house.picture import picture

ROOT = Path(__file__).parents[2]


def rule_pages() -> str:
    """Every rule as `audit-image explain` tells it."""
    return "\n\n".join(
        f"## {rule.id}\n\n*{rule.severity}, looks at: {rule.subject}.* {_markdown(rule.summary)}\n\n"
        + (f"{_markdown(rule.explanation)}\n\n" if rule.explanation else "")
        + f"How to mend it: {_markdown(rule.mend)}"
        for rule in rules()
    )


def format_table() -> str:
    """Every format with the commands that write it, from the register."""
    commands = {
        Kind.REPORT: "check",
        Kind.DIFF: "diff",
        Kind.KERNEL: "kernel",
        Kind.SWEEP: "sweep",
        Kind.BILL: "sbom",
    }
    rows = ["| format | of | for |", "|---|---|---|"]
    for entry in FORMATS:
        written_by = ", ".join(command for kind, command in commands.items() if kind in entry.kinds)
        rows.append(f"| `{entry.name}` | {written_by} | {_markdown(entry.purpose)} |")
    return "\n".join(rows)


# The file, the name of the part in it, and what writes it.
PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("docs/architecture.md", "picture"): picture,
    ("docs/rules.md", "rules"): rule_pages,
    ("docs/using.md", "formats"): format_table,
}


def written(file: str, part: str, text: str) -> str:
    """The paper's text with the part written anew; ValueError where the paper has no place for it."""
    start, end = f"<!-- {part}: made by make papers -->", f"<!-- end of {part} -->"
    place = re.compile(f"{re.escape(start)}.*{re.escape(end)}", re.DOTALL)
    if not place.search(text):
        raise ValueError(f"{file} has no place for {part}: write {start} and {end}")
    return place.sub(lambda _: f"{start}\n{PARTS[file, part]()}\n{end}", text)


def _markdown(text: str) -> str:
    return text.replace("*", r"\*").replace("<", r"\<").replace("|", r"\|")
