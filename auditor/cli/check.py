"""`audit-image check IMAGE`: audit one image."""

import enum
from typing import Annotated

import typer

from auditor.cli.output import EXIT_FAILED, EXIT_OK, parse_outputs, wants_colour, write_output


class IpFamily(enum.StrEnum):
    """Which IP families the cluster uses."""

    DUAL = "dual"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


class FailOn(enum.StrEnum):
    """The mildest severity that fails the audit."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    NEVER = "never"


def check(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="A name as Docker takes it, or docker:, docker-archive:FILE[:TAG], oci-archive:FILE, oci-dir:PATH, "
            "dir:PATH, report:FILE.",
            show_default=False,
        ),
    ],
    spec: Annotated[str, typer.Option(help="A shipped spec's name, or a spec file.")] = "calico-system-requirements",
    strict: Annotated[bool, typer.Option("--strict", help="Read the document word for word.")] = False,
    ip_family: Annotated[IpFamily, typer.Option(help="The IP families of the cluster.")] = IpFamily.DUAL,
    platform: Annotated[
        str | None, typer.Option(metavar="OS/ARCH[/VARIANT]", help="The platform of an index.", show_default=False)
    ] = None,
    waivers: Annotated[
        str | None, typer.Option(metavar="FILE", help="A TOML file of accepted deviations.", show_default=False)
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="The mildest severity that fails.")] = FailOn.ERROR,
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="FORMAT[=FILE]", help="text or json; may be repeated."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show notes, paths and sources.")] = False,
) -> int:
    """Audit one image against a spec; exit code 0: it meets it, 1: it doesn't, 2: not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.cli.source import audit_reference  # noqa: PLC0415
    from auditor.report.format import Style, formats, writer  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import Family, load_spec  # noqa: PLC0415
    from auditor.waivers import load_waivers  # noqa: PLC0415

    outputs = parse_outputs(output or ["text"], formats())
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    options = Options(strict, Family(ip_family.value), fail_on.value)
    report = audit_reference(image, requirements, options, accepted, platform)
    for place in outputs:
        style = Style(colour=wants_colour(place), verbose=verbose)
        write_output(place, writer(place.format)(report, style))
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED
