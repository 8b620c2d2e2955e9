"""`audit-image waivers validate FILE…`: whether waiver files can be taken."""

from typing import Annotated

import typer

from auditor.cli.output import EXIT_NOT_AUDITED, EXIT_OK, echo, report_error
from auditor.errors import UsageError
from auditor.report.words import plural

app = typer.Typer(help="Validate waiver files.", no_args_is_help=True)


@app.callback()
def _waivers() -> None:
    """A group, though it has one command."""


@app.command("validate")
def validate(files: Annotated[list[str], typer.Argument(metavar="FILE…", help="A waiver file.")]) -> int:
    """Check waiver files; exit code 2, and a line for each that is wrong."""
    from auditor.auditing.waivers import load_waivers  # noqa: PLC0415

    code = EXIT_OK
    for file in files:
        try:
            echo(f"{file}: {plural(len(load_waivers(file)), 'waiver')}")
        except UsageError as error:
            code = report_error(str(error))
    return EXIT_NOT_AUDITED if code else EXIT_OK
