"""`audit-image spec show|init|validate`: the spec that is in force, and a first one of your own."""

from typing import Annotated

import typer

from auditor.cli.options import (
    AuthfileOption,
    CaOption,
    ImageArgument,
    LimitOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    VerboseOption,
    completing,
    spec_names,
)
from auditor.cli.output import EXIT_FAILED, EXIT_NOT_AUDITED, EXIT_OK, echo, report_error, say
from auditor.errors import UsageError

app = typer.Typer(help="Show or validate a spec.", no_args_is_help=True)

_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE", help="A shipped spec's name, or a spec file.", autocompletion=completing(spec_names)
    ),
]


@app.command("show")
def show(
    name: _Name = "calico-system-requirements",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FORMAT", help="text, json, toml or markdown.")
    ] = "text",
) -> int:
    """Show every requirement of a spec, with what it extends."""
    from auditor.spec import load_spec  # noqa: PLC0415
    from auditor.spec.write import FORMS  # noqa: PLC0415

    form = FORMS.get(output)
    if form is None:
        raise UsageError(f"there is no format '{output}'", "-o", f"the formats are: {', '.join(FORMS)}")
    echo(*form(load_spec(name)).splitlines())
    return 0


@app.command("init")
def init(
    image: ImageArgument,
    platform: PlatformOption = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Draft a spec from a good image, on standard output; exit code 1 where the image doesn't meet its own draft."""
    from auditor.auditing import audit  # noqa: PLC0415
    from auditor.auditing.load import load  # noqa: PLC0415
    from auditor.auditing.specdraft import draft  # noqa: PLC0415
    from auditor.cli.progress import listening  # noqa: PLC0415
    from auditor.cli.source import reach_of  # noqa: PLC0415
    from auditor.image import parse_platform  # noqa: PLC0415
    from auditor.report.audit.words import STATUS  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import read_spec  # noqa: PLC0415

    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, no_cache=True)
    chosen = parse_platform(platform) if platform else None
    with (
        listening(quiet=reach.quiet, verbose=reach.verbose) as listener,
        load(image, platform=chosen, listener=listener, access=reach.access, limits=reach.limits) as found,
    ):
        text = draft(found)
        report = audit(found, read_spec(text, "the draft"), Options(chosen_platform=True))
    echo(*text.splitlines())
    for row in report.requirements:
        if row.status in ("not-met", "unknown"):
            say(f"{image}: {row.id} is {STATUS[row.status]}: {row.reason}")
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED


@app.command("validate")
def validate(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|FILE…",
            help="Shipped specs' names, or spec files.",
            autocompletion=completing(spec_names),
        ),
    ],
) -> int:
    """Check spec files; exit code 2, and a line for each thing that is wrong with them."""
    codes = [_validate(name) for name in names]
    return max(codes)


def _validate(name: str) -> int:
    from auditor.spec import load_spec  # noqa: PLC0415
    from auditor.spec.lines import line_of  # noqa: PLC0415
    from auditor.spec.load import find_faults  # noqa: PLC0415

    try:
        text, faults = find_faults(name)
    except UsageError as error:
        return report_error(str(error))
    for fault in faults:
        line = line_of(text, fault)
        report_error(str(fault.error(f"{name}:{line}" if line else name)))
    if faults:
        return EXIT_NOT_AUDITED
    spec = load_spec(name)
    echo(f"{f'{spec.name} {spec.version}'.strip()}: {len(spec.requirements)} requirements")
    return EXIT_OK


@app.command("list")
def list_specs() -> int:
    """List the specs that come with audit-image."""
    from auditor.spec import load_spec, shipped_specs  # noqa: PLC0415

    for name in shipped_specs():
        echo(f"{name}: {load_spec(name).title}")
    return 0
