"""`audit-image check IMAGE`: audit one image."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import (
    AllPlatformsOption,
    AuthfileOption,
    AvailablePlatformsOption,
    BaselineOption,
    CaOption,
    ColourOption,
    CpuOption,
    FailOnOption,
    FailOnUnknownOption,
    ImageArguments,
    IpFamilyOption,
    LimitOption,
    ModeOption,
    NoCacheOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    RequirePlatformOption,
    SpecOption,
    StrictOption,
    VerboseOption,
    WaiversOption,
    WriteWaiversOption,
    output_option,
)
from auditor.cli.output import (
    EXIT_FAILED,
    EXIT_NOT_AUDITED,
    EXIT_OK,
    Colour,
    Output,
    Outputs,
    parse_outputs,
    report_error,
)
from auditor.errors import AuditError, UsageError
from auditor.family import Family
from auditor.report.register import Kind, formats
from auditor.severity import FailOn

if TYPE_CHECKING:
    from auditor.report.dockerfile import Dockerfile
    from auditor.report.model import IndexReport, Report
    from auditor.report.several.model import SeveralReports


def check(
    context: typer.Context,
    images: ImageArguments,
    spec: SpecOption = "calico-system-requirements",
    strict: StrictOption = False,
    ip_family: IpFamilyOption = Family.DUAL,
    platform: PlatformOption = None,
    all_platforms: AllPlatformsOption = False,
    available_platforms: AvailablePlatformsOption = False,
    require_platform: RequirePlatformOption = None,
    waivers: WaiversOption = None,
    baseline: BaselineOption = None,
    write_waivers: WriteWaiversOption = None,
    fail_on: FailOnOption = FailOn.ERROR,
    fail_on_unknown: FailOnUnknownOption = False,
    mode: ModeOption = None,
    cpu: CpuOption = None,
    output: Annotated[list[str] | None, output_option(Kind.REPORT)] = None,
    dockerfile: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="What the image was built from: sarif, github and gitlab point to the line that made a layer.",
            show_default=False,
        ),
    ] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    no_cache: NoCacheOption = False,
    color: ColourOption = Colour.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Audit images against a spec; exit code 0: they meet it, 1: one doesn't, 2: one was not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.auditing.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.source import audit_any, check_platforms, options_of, reach_of, read_baseline  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    check_platforms(platform, all_platforms, available_platforms)
    if baseline and len(images) > 1:
        raise UsageError("--baseline is about one image", "check", "audit each with the report saved of it")
    if write_waivers:
        from auditor.auditing.draft import check_draft, draft_waivers, today  # noqa: PLC0415

        check_draft(write_waivers)
    one = Kind.INDEX if all_platforms else Kind.REPORT
    known = formats(one if len(images) == 1 else Kind.SEVERAL)
    outputs = parse_outputs(output or known[:1], known, color, verbose=verbose, quiet=quiet)
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    options = options_of(
        context,
        requirements,
        strict,
        ip_family,
        require_platform,
        fail_on,
        fail_on_unknown,
        mode,
        cpu,
        suggest=True,
    )
    source = _dockerfile(dockerfile) if dockerfile else None
    share = len(images) > 1
    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, no_cache, available_platforms, share)
    had = read_baseline(baseline, requirements, reach) if baseline else None

    def audited(image: str) -> "Report | IndexReport":
        return audit_any(image, requirements, options, accepted, reach, all_platforms=all_platforms, baseline=had)

    several = _each(images, audited) if share else None
    each = (audited(images[0]),) if several is None else several.images
    report = each[0] if several is None else several
    outputs.write(
        lambda name, style: write(report, name, style._replace(dockerfile=source)), passed=report.verdict == "pass"
    )
    if write_waivers:
        place = Output("waivers", Path(write_waivers))
        Outputs((place,)).write(lambda _, __: draft_waivers(each, fail_on, today()))
    if several and several.not_audited:
        return EXIT_NOT_AUDITED
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED


def _dockerfile(name: str) -> "Dockerfile":
    from auditor.report.dockerfile import read_dockerfile  # noqa: PLC0415 - hardly anybody names one

    return read_dockerfile(name)


def _each(images: Sequence[str], audited: Callable[[str], "Report | IndexReport"]) -> "SeveralReports":
    """All of them: what is wrong with one is told when it comes up, and does not hide the others."""
    from auditor.report.several.model import NotAudited, gather  # noqa: PLC0415

    reports: list[Report | IndexReport] = []
    missed: list[NotAudited] = []
    for image in images:
        try:
            reports.append(audited(image))
        except AuditError as error:
            report_error(error.cause)
            for line in error.also:
                report_error(line)
            missed.append(NotAudited(image, str(error)))
    return gather(tuple(reports), tuple(missed))
