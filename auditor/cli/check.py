"""`audit-image check IMAGE`: audit one image."""

from typing import Annotated

import typer

from auditor.cli.options import (
    AuthfileOption,
    CaOption,
    CpuOption,
    FailOnUnknownOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    SpecOption,
    VerboseOption,
)
from auditor.cli.output import EXIT_FAILED, EXIT_OK, parse_outputs, style, write_output
from auditor.errors import UsageError
from auditor.family import Family
from auditor.finding import FailOn
from auditor.report.register import Kind, formats, help_text


def check(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="A name as Docker takes it, or docker:, podman:, registry:, docker-archive:FILE[:TAG], "
            "oci-archive:FILE, oci-dir:PATH, dir:PATH, report:FILE.",
            show_default=False,
        ),
    ],
    spec: SpecOption = "calico-system-requirements",
    strict: Annotated[bool, typer.Option("--strict", help="Read the document word for word.")] = False,
    ip_family: Annotated[Family, typer.Option(help="The IP families of the cluster.")] = Family.DUAL,
    platform: PlatformOption = None,
    all_platforms: Annotated[
        bool, typer.Option("--all-platforms", help="Audit every platform of an index, and whether they agree.")
    ] = False,
    require_platform: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OS/ARCH", help="A platform that the index must have; may be repeated.", show_default=False
        ),
    ] = None,
    waivers: Annotated[
        str | None, typer.Option(metavar="FILE", help="A TOML file of accepted deviations.", show_default=False)
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="The mildest severity that fails.")] = FailOn.ERROR,
    fail_on_unknown: FailOnUnknownOption = False,
    cpu: CpuOption = None,
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="FORMAT[=FILE]", help=help_text(Kind.REPORT), show_default="text"),
    ] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Audit one image against a spec; exit code 0: it meets it, 1: it doesn't, 2: not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.audit.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.source import Reach, audit_all_platforms, audit_reference  # noqa: PLC0415
    from auditor.image import parse_platform  # noqa: PLC0415
    from auditor.processor import parse_floor  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    if platform and all_platforms:
        raise UsageError("--platform and --all-platforms exclude each other")
    outputs = parse_outputs(output or ["text"], formats(Kind.INDEX if all_platforms else Kind.REPORT))
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    required = tuple(str(parse_platform(name)) for name in require_platform or ())
    options = Options(
        strict, ip_family, fail_on, required, fail_on_unknown=fail_on_unknown, cpu=tuple(map(parse_floor, cpu or ()))
    )
    reach = Reach(platform, authfile, ca, plain_http, quiet, verbose)
    audit = audit_all_platforms if all_platforms else audit_reference
    report = audit(image, requirements, options, accepted, reach)
    for place in outputs:
        write_output(place, write(report, place.format, style(place, verbose=verbose)))
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED
