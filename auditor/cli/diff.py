"""`audit-image diff OLD NEW`: what changed between two images, and whether it is worse."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from auditor.cli.options import (
    AllPlatformsOption,
    AuthfileOption,
    AvailablePlatformsOption,
    CaOption,
    ColourOption,
    FailOnUnknownOption,
    IpFamilyOption,
    LimitOption,
    ModeOption,
    NoCacheOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    SpecOption,
    StrictOption,
    VerboseOption,
    WaiversOption,
    completing,
    output_option,
    schemes,
)
from auditor.cli.output import EXIT_FAILED, EXIT_OK, Colour, parse_outputs
from auditor.errors import UsageError, did_you_mean
from auditor.family import Family
from auditor.report.register import Kind, formats
from auditor.severity import FailOn

if TYPE_CHECKING:
    from auditor.report.diff.kinds import Area
    from auditor.report.diff.model import Diff, Gate
    from auditor.report.release.model import ReleaseDiff

_FAIL_ON = ("regression", "any", "never")


def _fail_on(context: typer.Context, value: str) -> str:
    """A general setting of `fail-on` names a severity, which is meant for `check`: here the default stands then."""
    if value in _FAIL_ON:
        return value
    typed = context.get_parameter_source("fail_on")
    if value in tuple(FailOn) and typed is not None and typed.name != "COMMANDLINE":
        return _FAIL_ON[0]
    raise typer.BadParameter(f"'{value}' is not one of {', '.join(_FAIL_ON)}")


_complete = completing(schemes)
_IMAGE = "An image as `check` takes it, or a saved report: report:FILE, or its path."


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=_IMAGE, show_default=False, autocompletion=_complete)],
    new: Annotated[str, typer.Argument(metavar="NEW", help=_IMAGE, show_default=False, autocompletion=_complete)],
    spec: SpecOption = "calico-system-requirements",
    strict: StrictOption = False,
    ip_family: IpFamilyOption = Family.DUAL,
    platform: PlatformOption = None,
    old_platform: Annotated[
        str | None,
        typer.Option(
            metavar="OS/ARCH[/VARIANT]", help="The platform of OLD, where it is another one.", show_default=False
        ),
    ] = None,
    all_platforms: AllPlatformsOption = False,
    available_platforms: AvailablePlatformsOption = False,
    mode: ModeOption = None,
    waivers: WaiversOption = None,
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
    output: Annotated[list[str] | None, output_option(Kind.DIFF)] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    no_cache: NoCacheOption = False,
    color: ColourOption = Colour.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Tell what changed from OLD to NEW; exit code 0: nothing is worse, 1: something is, 2: not compared."""
    # What a comparison needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.auditing.terms import Terms  # noqa: PLC0415
    from auditor.auditing.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.source import audit_both, reach_of  # noqa: PLC0415
    from auditor.report.diff.compare import compare  # noqa: PLC0415
    from auditor.report.model import IndexReport, Report  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.report.release.compare import compare_releases  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import chosen_modes, load_spec  # noqa: PLC0415

    if (platform or old_platform) and all_platforms:
        raise UsageError("--platform and --all-platforms exclude each other")
    if available_platforms and not all_platforms:
        raise UsageError("--available-platforms goes with --all-platforms")
    known = formats(Kind.DIFF)
    outputs = parse_outputs(output or known[:1], known, color, verbose=verbose, quiet=quiet)
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    areas = _areas(area or [])
    options = Options(strict, ip_family, modes=chosen_modes(requirements, mode))
    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, no_cache, available_platforms, True)
    old, new, gate = _reference(old), _reference(new), cast("Gate", fail_on)
    terms = Terms(requirements, options, accepted)
    found: Diff | ReleaseDiff
    match audit_both(old, new, terms, old_platform, reach, all_platforms=all_platforms):
        case (IndexReport() as old_release, IndexReport() as new_release):
            found = compare_releases(old_release, new_release, gate, unknown_fails=fail_on_unknown, areas=areas)
        case (Report() as before, Report() as after):
            found = compare(before, after, gate, unknown_fails=fail_on_unknown, areas=areas)
    outputs.write(lambda name, style: write(found, name, style), passed=found.verdict == "pass")
    return EXIT_OK if found.verdict == "pass" else EXIT_FAILED


def _areas(values: list[str]) -> "tuple[Area, ...]":
    from auditor.report.diff.kinds import Area  # noqa: PLC0415

    words = {area.word: area for area in Area}
    asked = [word.strip() for value in values for word in value.split(",") if word.strip()]
    for word in asked:
        if word not in words:
            raise UsageError(
                f"there is no area '{word}'",
                "--area",
                did_you_mean(word, words) or f"the areas are: {', '.join(words)}",
            )
    return tuple(words[word] for word in asked)


def _reference(text: str) -> str:
    """A saved report by its bare name too: `old.json` is no image's name, whether a file lies there or not."""
    return f"report:{text}" if text.endswith(".json") and ":" not in text else text
