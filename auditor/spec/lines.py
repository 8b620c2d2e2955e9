"""Where in a spec file a fault stands: TOML's reader keeps no line numbers."""

import re

from auditor.spec.faults import Fault


def line_of(text: str, fault: Fault) -> int | None:
    """The line of the row's field, else of the row's id or table; None where the file doesn't have the row."""
    lines = text.splitlines()
    if not fault.row:
        return None
    name = fault.row.removeprefix("tool.")
    row = re.compile(
        rf"""\s*(?:id\s*=\s*["']{re.escape(fault.row)}["']|\[tool\.["']?{re.escape(name)}["']?\])\s*(?:#.*)?"""
    )
    start = next((number for number, line in enumerate(lines) if row.fullmatch(line)), None)
    if start is None:
        return None
    first = next((number for number in range(start, -1, -1) if lines[number].lstrip().startswith("[")), start)
    field = re.compile(rf"\s*(?:{re.escape(fault.field)}\s*=|\[requirement\.{re.escape(fault.field)}\])")
    for number in range(first, len(lines)):
        if fault.field and field.match(lines[number]):
            return number + 1
        if number > start and re.match(r"\s*\[(?!requirement\.)", lines[number]):
            break
    return start + 1
