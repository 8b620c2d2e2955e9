"""`audit-image sbom IMAGE`: what is in an image, as a software bill of materials."""

from typing import Annotated

import typer

from auditor.cli.options import (
    AuthfileOption,
    CaOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    SpecOption,
    VerboseOption,
)
from auditor.cli.output import EXIT_OK, parse_outputs, report_warning, write_output
from auditor.errors import UsageError
from auditor.report.register import Kind, formats, help_text


def sbom(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE", help="An image as `check` takes it, or report:FILE, a saved report.", show_default=False
        ),
    ],
    spec: SpecOption = "calico-system-requirements",
    platform: PlatformOption = None,
    all_platforms: Annotated[
        bool, typer.Option("--all-platforms", help="One bill for every platform of an index.")
    ] = False,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FORMAT[=FILE]",
            help=help_text(Kind.BILL),
            show_default="cyclonedx-json",
        ),
    ] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Write an image's tools, libraries and packages, and what needs what; exit code 0: written, 2: not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.cli.source import Reach, audit_all_platforms, audit_reference  # noqa: PLC0415
    from auditor.report.bill.completeness import doubts  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    if platform and all_platforms:
        raise UsageError("--platform and --all-platforms exclude each other")
    outputs = parse_outputs(output or [formats(Kind.BILL)[0]], formats(Kind.BILL))
    audit = audit_all_platforms if all_platforms else audit_reference
    reach = Reach(platform, authfile, ca, plain_http, quiet, verbose)
    report = audit(image, load_spec(spec), Options(), (), reach)
    for place in outputs:
        write_output(place, write(report, place.format))
    for line in doubts(report):
        report_warning(line)
    return EXIT_OK
