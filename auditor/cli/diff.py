"""`audit-image diff OLD NEW`: what changed between two images, and whether it is worse."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from auditor.cli.options import (
    AuthfileOption,
    CaOption,
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

if TYPE_CHECKING:
    from auditor.report.diff.kinds import Area
    from auditor.report.diff.model import Gate

_FAIL_ON = ("regression", "any", "never")


def _fail_on(context: typer.Context, value: str) -> str:
    """A general setting of `fail-on` names a severity, which is meant for `check`: here the default stands then."""
    if value in _FAIL_ON:
        return value
    typed = context.get_parameter_source("fail_on")
    if value in tuple(FailOn) and typed is not None and typed.name != "COMMANDLINE":
        return _FAIL_ON[0]
    raise typer.BadParameter(f"'{value}' is not one of {', '.join(_FAIL_ON)}")


_IMAGE = "An image as `check` takes it, or a saved report: report:FILE, or its path."


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=_IMAGE, show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help=_IMAGE, show_default=False)],
    spec: SpecOption = "calico-system-requirements",
    strict: Annotated[bool, typer.Option("--strict", help="Read the document word for word.")] = False,
    ip_family: Annotated[Family, typer.Option(help="The IP families of the cluster.")] = Family.DUAL,
    platform: PlatformOption = None,
    old_platform: Annotated[
        str | None,
        typer.Option(
            metavar="OS/ARCH[/VARIANT]", help="The platform of OLD, where it is another one.", show_default=False
        ),
    ] = None,
    waivers: Annotated[
        str | None, typer.Option(metavar="FILE", help="A TOML file of accepted deviations.", show_default=False)
    ] = None,
    fail_on: Annotated[
        str, typer.Option(metavar="regression|any|never", help="Which changes fail.", callback=_fail_on)
    ] = "regression",
    area: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AREA[,AREA…]",
            help="What decides: findings, requirements, tools, libraries, extensions, floors, start, packages, files, "
            "image. Default: all but the last three, and with --fail-on any all.",
            show_default=False,
        ),
    ] = None,
    fail_on_unknown: FailOnUnknownOption = False,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FORMAT[=FILE]",
            help=help_text(Kind.DIFF),
            show_default="text",
        ),
    ] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Tell what changed from OLD to NEW; exit code 0: nothing is worse, 1: something is, 2: not compared."""
    # What a comparison needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.audit.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.source import Reach, audit_reference  # noqa: PLC0415
    from auditor.report.diff.compare import compare  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    outputs = parse_outputs(output or ["text"], formats(Kind.DIFF))
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    areas = _areas(area or [])
    options = Options(strict, ip_family)
    reach = Reach(platform, authfile, ca, plain_http, quiet, verbose)
    old_reach = replace(reach, platform=old_platform or platform)
    before = audit_reference(_reference(old), requirements, options, accepted, old_reach)
    after = audit_reference(_reference(new), requirements, options, accepted, reach)
    found = compare(before, after, cast("Gate", fail_on), unknown_fails=fail_on_unknown, areas=areas)
    for place in outputs:
        write_output(place, write(found, place.format, style(place, verbose=verbose)))
    return EXIT_OK if found.verdict == "pass" else EXIT_FAILED


def _areas(values: list[str]) -> "tuple[Area, ...]":
    from auditor.report.diff.kinds import Area  # noqa: PLC0415

    words = {area.word: area for area in Area}
    asked = [word.strip() for value in values for word in value.split(",") if word.strip()]
    for word in asked:
        if word not in words:
            raise UsageError(f"there is no area '{word}'", "--area", f"the areas are: {', '.join(words)}")
    return tuple(words[word] for word in asked)


def _reference(text: str) -> str:
    """A saved report by its bare name too: no image is called `old.json` where a file of that name lies."""
    return f"report:{text}" if text.endswith(".json") and ":" not in text and Path(text).is_file() else text
