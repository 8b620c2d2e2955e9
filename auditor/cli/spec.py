"""`audit-image spec show|validate`: the spec that is in force."""

from typing import Annotated

import typer

from auditor.cli.options import completing, spec_names
from auditor.cli.output import echo

app = typer.Typer(help="Show or validate a spec.", no_args_is_help=True)

_Name = Annotated[
    str,
    typer.Argument(
        metavar="[NAME|FILE]", help="A shipped spec's name, or a spec file.", autocompletion=completing(spec_names)
    ),
]


@app.command("show")
def show(name: _Name = "calico-system-requirements") -> int:
    """Show every requirement of a spec, with what it extends."""
    from auditor.spec import load_spec  # noqa: PLC0415

    spec = load_spec(name)
    echo(f"{spec.name} {spec.version}: {spec.title} ({spec.digest})")
    width = max(len(row.id) for row in spec.requirements)
    for row in spec.requirements:
        echo(f"{row.id:<{width}}  {row.text}")
    return 0


@app.command("validate")
def validate(name: _Name) -> int:
    """Check a spec file; exit code 2 says what is wrong with it."""
    from auditor.spec import load_spec  # noqa: PLC0415

    spec = load_spec(name)
    echo(f"{spec.name} {spec.version}: {len(spec.requirements)} requirements")
    return 0


@app.command("list")
def list_specs() -> int:
    """List the specs that come with audit-image."""
    from auditor.spec import load_spec, shipped_specs  # noqa: PLC0415

    for name in shipped_specs():
        echo(f"{name}: {load_spec(name).title}")
    return 0
