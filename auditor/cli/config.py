"""`audit-image config show`: each option's value, and where it came from."""

from typing import Annotated

import typer

from auditor.cli.defaults import every_value, settings_of
from auditor.cli.output import echo
from auditor.errors import UsageError, did_you_mean

app = typer.Typer(help="Show the settings that are in force.", no_args_is_help=True)


@app.callback()
def _config() -> None:
    """A group, though it has one command."""


@app.command("show")
def show(
    context: typer.Context,
    command: Annotated[
        str | None, typer.Argument(metavar="COMMAND", help="One command's options; none shows all.")
    ] = None,
) -> int:
    """Show every option's value and where it came from: a file, a variable, or the default."""
    root = context.find_root().command
    settings = settings_of(root)
    rows = [row for row in every_value(root, settings) if command in (None, row[0])]
    if not rows:
        names = dict.fromkeys(row[0] for row in every_value(root, settings))
        remedy = did_you_mean(command or "", names) or f"these have: {', '.join(names)}"
        raise UsageError(f"there is no command '{command}' with options", "config", remedy)
    echo(f"files: {', '.join(map(str, settings.files)) or 'none'}")
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        *cells, origin = row
        padded = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        echo(f"{padded}  {origin or 'default'}".rstrip())
    return 0
