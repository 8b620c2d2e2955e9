"""Options that several commands share."""

from typing import Annotated

import typer

SpecOption = Annotated[str, typer.Option(metavar="NAME|FILE", help="A shipped spec's name, or a spec file.")]
PlatformOption = Annotated[
    str | None,
    typer.Option(
        metavar="OS/ARCH[/VARIANT]", help="The platform of an index; default: this machine's.", show_default=False
    ),
]
FailOnUnknownOption = Annotated[
    bool, typer.Option("--fail-on-unknown", help="A row of the spec that can't be known fails too.")
]
CpuOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cpu",
        metavar="ARCH=LEVEL",
        help="The oldest processor of the cluster (amd64=x86-64-v2); may be repeated.",
        show_default=False,
    ),
]
AuthfileOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Registry credentials, as podman and skopeo keep them.", show_default=False),
]
CaOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Certificates to trust for registries, in PEM.", show_default=False)
]
PlainHttpOption = Annotated[
    bool, typer.Option("--plain-http", help="Speak HTTP to registries (on loopback it needs no asking).")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no log lines.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Notes, every binary, and which source answered.")]
