"""`audit-image sbom IMAGE`: what is in an image, as a software bill of materials."""

from typing import Annotated

import typer

from auditor.cli.options import (
    AllPlatformsOption,
    AuthfileOption,
    AvailablePlatformsOption,
    CaOption,
    ImageArgument,
    LimitOption,
    NoCacheOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    SpecOption,
    VerboseOption,
    output_option,
)
from auditor.cli.output import EXIT_OK, parse_outputs, report_warning
from auditor.errors import UsageError
from auditor.report.register import Kind, formats


def sbom(
    image: ImageArgument,
    spec: SpecOption = "calico-system-requirements",
    platform: PlatformOption = None,
    all_platforms: AllPlatformsOption = False,
    available_platforms: AvailablePlatformsOption = False,
    output: Annotated[list[str] | None, output_option(Kind.BILL)] = None,
    supplier: Annotated[
        str,
        typer.Option(metavar="NAME", help="Who hands the image out (`Name <address>`).", show_default=False),
    ] = "",
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    no_cache: NoCacheOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Write an image's tools, libraries and packages, and what needs what; exit code 0: written, 2: not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.cli.source import audit_any, reach_of  # noqa: PLC0415
    from auditor.report.bill.completeness import doubts  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    if platform and all_platforms:
        raise UsageError("--platform and --all-platforms exclude each other")
    if available_platforms and not all_platforms:
        raise UsageError("--available-platforms goes with --all-platforms")
    known = formats(Kind.BILL)
    outputs = parse_outputs(output or known[:1], known)
    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, no_cache, available_platforms)
    report = audit_any(image, load_spec(spec), Options(), (), reach, all_platforms=all_platforms)
    outputs.write(lambda name, style: write(report, name, style._replace(supplier=supplier)))
    for line in doubts(report):
        report_warning(line)
    return EXIT_OK
