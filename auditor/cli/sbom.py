"""`audit-image sbom IMAGE`: what is in an image, as a software bill of materials."""

from typing import Annotated

import typer

from auditor.cli.output import EXIT_OK, parse_outputs, write_output

FORMATS = ("cyclonedx-json", "spdx-json")


def sbom(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE", help="An image as `check` takes it, or report:FILE, a saved report.", show_default=False
        ),
    ],
    spec: Annotated[
        str, typer.Option(help="The spec whose rows are stated: a shipped spec's name, or a spec file.")
    ] = "calico-system-requirements",
    platform: Annotated[
        str | None, typer.Option(metavar="OS/ARCH[/VARIANT]", help="The platform of an index.", show_default=False)
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="FORMAT[=FILE]", help="cyclonedx-json or spdx-json; may be repeated."),
    ] = None,
) -> int:
    """Write an image's tools, libraries and packages, and what needs what; exit code 0: written, 2: not audited."""
    from auditor.cli.source import Reach, audit_reference  # noqa: PLC0415 - --help and a mistyped option cost nothing
    from auditor.report.format import Style, writer  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    outputs = parse_outputs(output or ["cyclonedx-json"], FORMATS)
    report = audit_reference(image, load_spec(spec), Options(), (), Reach(platform))
    for place in outputs:
        write_output(place, writer(place.format)(report, Style()))
    return EXIT_OK
