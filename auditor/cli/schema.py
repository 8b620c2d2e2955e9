"""`audit-image schema report|diff|kernel|sweep|spec|waivers`: the published JSON schemas."""

import json
from collections.abc import Callable
from typing import Any

import typer

from auditor.report.register import SCHEMAS, Kind

app = typer.Typer(help="Write a JSON schema to standard output.", no_args_is_help=True)


def _command(name: str, kind: Kind) -> Callable[[], int]:
    def command() -> int:
        from auditor.report.views import schema_of  # noqa: PLC0415

        return _write(schema_of(kind))

    written_by = "check" if name == "report" else name
    command.__doc__ = f"The schema of `{written_by} -o json`."
    return command


for _name, _kind in SCHEMAS.items():
    app.command(_name)(_command(_name, _kind))


@app.command("spec")
def spec() -> int:
    """The schema of a spec file (TOML, as its JSON equivalent)."""
    from auditor.spec.schema import spec_schema  # noqa: PLC0415

    return _write(spec_schema())


@app.command("waivers")
def waivers() -> int:
    """The schema of a waiver file (TOML, as its JSON equivalent)."""
    from auditor.auditing.waivers import waiver_schema  # noqa: PLC0415

    return _write(waiver_schema())


def _write(schema: dict[str, Any]) -> int:
    typer.echo(json.dumps(schema, indent=2))
    return 0
