"""The manual page, from the commands' own help: `python -m auditor.cli.manual >audit-image.1` (see man(7))."""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from auditor.cli.main import HELP, app
from auditor.report.time import build_time

_EXIT_CODES = (
    ("0", "Audited, and it meets the spec; or done."),
    ("1", "Audited, and something does not meet it, at or above --fail-on, and not waived."),
    ("2", "Not audited: one line on standard error says what, where, and what to do."),
    ("130, 143", "Interrupted: nothing was judged."),
)
_FILES = (
    ("audit-image.toml", "Settings, of the nearest folder that has one, from the working directory upwards."),
    ("pyproject.toml", "The same, in [tool.audit-image]."),
)
_ENVIRONMENT = (
    ("AUDIT_IMAGE_COMMAND_OPTION", "The value of an option of a command, such as AUDIT_IMAGE_CHECK_FAIL_ON."),
    ("AUDIT_IMAGE_OPTION", "The value of an option of all commands that have it, such as AUDIT_IMAGE_SPEC."),
    ("NO_COLOR, FORCE_COLOR", "No colour, or colour, where --color is auto."),
    ("SOURCE_DATE_EPOCH", "The time that a page or a bill of materials states, in seconds since 1970."),
)


def manual(version: str) -> str:
    """The page, as troff."""
    return "\n".join(_lines(version)) + "\n"


def _lines(version: str) -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    time = build_time()
    yield f'.TH AUDIT\\-IMAGE 1 "{f"{time:%Y-%m-%d}" if time else ""}" "{_text(version)}" "User Commands"'
    yield from (".SH NAME", f"audit\\-image \\- {_text(HELP[0].lower() + HELP[1:].rstrip('.'))}")
    yield ".SH SYNOPSIS"
    commands = list(_commands(root, "audit-image"))
    for number, (path, command) in enumerate(commands):
        yield from (".br",) if number else ()
        yield f"\\fB{_text(path)}\\fR {_text(_usage(command))}"
    yield from (".SH DESCRIPTION", _text(f"{HELP} `audit-image IMAGE` is `audit-image check IMAGE`."))
    yield ".SH COMMANDS"
    for path, command in commands:
        yield from (f'.SS "{_text(path)} {_text(_usage(command))}"', *_paragraphs(command.help or ""))
        context = typer.Context(command)
        for param in command.params:
            yield from _param(param, context)
    for title, entries in (("EXIT STATUS", _EXIT_CODES), ("FILES", _FILES), ("ENVIRONMENT", _ENVIRONMENT)):
        yield f".SH {title}"
        for name, text in entries:
            yield from (".TP", f"\\fB{_text(name)}\\fR", _text(text))


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _usage(command: Any) -> str:
    """What comes after the command's name; braces about what must be given are no custom of manual pages."""
    return " ".join(command.collect_usage_pieces(typer.Context(command))).replace("{", "").replace("}", "")


def _param(param: Any, context: Any) -> Iterator[str]:
    record = param.get_help_record(context)
    if record:
        name, text = record
        name = param.metavar or name if param.param_type_name == "argument" else name
        yield from (".TP", f"\\fB{_text(name)}\\fR", *_paragraphs(text))


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(filter(None, text.split("\n\n"))):
        yield from (".IP",) if number else ()
        yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """Words of ours as troff takes them: nothing in them is a request or an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace('"', "\\(dq")
    escaped = escaped.replace("`", "\\(ga").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    from auditor.cli.version import version_text

    sys.stdout.write(manual(version_text().partition(" (")[0]))
