"""Words for rows that say nothing of themselves."""

from msgspec import structs

from auditor.spec.faults import CONFIG_FIELDS
from auditor.spec.model import Kind, Requirement


def with_text(row: Requirement) -> Requirement:
    """A row that says nothing of itself, in words made from its fields."""
    if row.text:
        return row
    match row.kind:
        case Kind.TOOL:
            text = f"The image has {row.tool}{f', {row.minimum} or later' if row.minimum else ''}."
        case Kind.LIBRARY:
            text = f"{' and '.join(row.tools)} {_verb('link', row)} {' or '.join(row.sonames)}."
        case Kind.PACKAGE:
            named = " or ".join(dict.fromkeys(name for names in row.packages.values() for name in names.split("|")))
            text = f"The package {named} is installed{f', {row.minimum} or later' if row.minimum else ''}."
        case Kind.FILE:
            asked = _asked(row, "owner", "mode", "digest", "not_empty")
            text = f"{row.path} is there{f', with {asked}' if asked else ''}."
        case Kind.CONFIG:
            text = f"The image config has {_asked(row, *CONFIG_FIELDS)}."
        case Kind.PLUGIN:
            text = f"{' and '.join(row.tools)} {_verb('load', row)} {', '.join(row.plugins)} of {row.directory}."
        case Kind.KERNEL if row.needs and row.needs.min_version:
            text = f"The image is made for Linux {row.needs.min_version}, or for an older one."
        case Kind.CPU if row.cpu_floor:
            levels = " and ".join(f"{level} ({architecture})" for architecture, level in row.cpu_floor.items())
            text = f"The image starts on processors of {levels}."
        case _:
            text = row.id
    return structs.replace(row, text=text)


def _verb(word: str, row: Requirement) -> str:
    return word if len(row.tools) > 1 else f"{word}s"


def _asked(row: Requirement, *fields: str) -> str:
    """`mode 0644 and owner root`: those of the fields that the row has."""
    return " and ".join(_told(row, field) for field in fields if getattr(row, field))


def _told(row: Requirement, field: str) -> str:
    value, name = getattr(row, field), field.replace("_", " ")
    if isinstance(value, bool):
        return "something in it" if field == "not_empty" else "a user other than root"
    if isinstance(value, dict):
        return f"{name} {', '.join(value)}"
    return f"{name} {' '.join(value) if isinstance(value, tuple) else value}"
