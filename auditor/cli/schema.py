"""`audit-image schema report|diff|kernel|spec`: the published JSON schemas."""

import json
from typing import Any

import typer

app = typer.Typer(help="Write a JSON schema to standard output.", no_args_is_help=True)


@app.command("report")
def report() -> int:
    """The schema of `check -o json`."""
    from auditor.report.audit.document import report_schema  # noqa: PLC0415

    return _write(report_schema())


@app.command("diff")
def diff() -> int:
    """The schema of `diff -o json`."""
    from auditor.report.diff.document import diff_schema  # noqa: PLC0415

    return _write(diff_schema())


@app.command("kernel")
def kernel() -> int:
    """The schema of `kernel -o json`."""
    from auditor.report.kernel.document import kernel_schema  # noqa: PLC0415

    return _write(kernel_schema())


@app.command("spec")
def spec() -> int:
    """The schema of a spec file (TOML, as its JSON equivalent)."""
    from auditor.spec.schema import spec_schema  # noqa: PLC0415

    return _write(spec_schema())


def _write(schema: dict[str, Any]) -> int:
    typer.echo(json.dumps(schema, indent=2))
    return 0
