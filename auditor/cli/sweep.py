"""`audit-image sweep IMAGE…`: audit many images."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from auditor.cli.options import (
    IMAGE_HELP,
    AllPlatformsOption,
    AuthfileOption,
    AvailablePlatformsOption,
    CaOption,
    ColourOption,
    CpuOption,
    FailOnOption,
    FailOnUnknownOption,
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
    completing,
    output_option,
    schemes,
)
from auditor.cli.output import (
    EXIT_FAILED,
    EXIT_NOT_AUDITED,
    EXIT_OK,
    Colour,
    Output,
    Outputs,
    parse_outputs,
    say,
)
from auditor.errors import Interrupted, UsageError
from auditor.family import Family
from auditor.report.register import Kind, formats
from auditor.severity import FailOn

if TYPE_CHECKING:
    from auditor.report.sweep.model import SweepReport
    from auditor.sweep.journal import Journal
    from auditor.sweep.run import Progress

_LINES = "jsonl"
_PATIENCE = 1800.0


def sweep(
    context: typer.Context,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE…", help=IMAGE_HELP, show_default=False, autocompletion=completing(schemes)),
    ] = None,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A list of images, one a line, # starts a comment; - is standard input.",
            show_default=False,
        ),
    ] = None,
    repository: Annotated[
        list[str] | None,
        typer.Option(
            "--repository",
            metavar="NAME",
            help="A registry's repository, whose --tags count; may be repeated.",
            show_default=False,
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tags",
            metavar="PATTERN",
            help="A glob over the tags (v3.3?.*, '*' for all); may be repeated.",
            show_default=False,
        ),
    ] = None,
    spec: SpecOption = "calico-system-requirements",
    strict: StrictOption = False,
    ip_family: IpFamilyOption = Family.DUAL,
    platform: PlatformOption = None,
    all_platforms: AllPlatformsOption = False,
    available_platforms: AvailablePlatformsOption = False,
    require_platform: RequirePlatformOption = None,
    waivers: WaiversOption = None,
    fail_on: FailOnOption = FailOn.ERROR,
    fail_on_unknown: FailOnUnknownOption = False,
    mode: ModeOption = None,
    cpu: CpuOption = None,
    output: Annotated[list[str] | None, output_option(Kind.SWEEP)] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over, whatever the file of -o jsonl=FILE has already.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Images at a time; default: one for each CPU.", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="A Dask cluster that audits instead of this machine: tcp://HOST:PORT of its scheduler.",
            show_default=False,
        ),
    ] = None,
    timeout_each: Annotated[
        float,
        typer.Option(
            "--timeout-each", metavar="SECONDS", min=0, help="An image that takes longer is not audited; 0: no limit."
        ),
    ] = _PATIENCE,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    no_cache: NoCacheOption = False,
    color: ColourOption = Colour.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Audit many images; exit code 0: all meet the spec, 1: one doesn't, 2: one was not audited, whatever the others.

    Names of one digest are audited once. With -o jsonl=FILE each image's line is kept as it is done, and the same
    command goes on from there after an interruption.
    """
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.auditing.terms import Terms  # noqa: PLC0415
    from auditor.auditing.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.progress import counting  # noqa: PLC0415
    from auditor.cli.source import check_platforms, options_of, reach_of  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415
    from auditor.sweep import Order  # noqa: PLC0415
    from auditor.sweep import sweep as audit_all  # noqa: PLC0415
    from auditor.sweep.cluster import Cluster  # noqa: PLC0415
    from auditor.sweep.pool import Pool  # noqa: PLC0415
    from auditor.sweep.targets import listed_in, tagged  # noqa: PLC0415

    if bool(repository) is not bool(tags):
        raise UsageError("--repository and --tags go together", remedy="--tags '*' is every tag")
    if scheduler and jobs:
        raise UsageError("--jobs is about this machine, --scheduler about others", remedy="give one of them")
    check_platforms(platform, all_platforms, available_platforms)
    known = formats(Kind.SWEEP)
    outputs = parse_outputs(output or known[:1], known, color, verbose=verbose, quiet=quiet)
    requirements = load_spec(spec)
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
    )
    accepted = load_waivers(waivers) if waivers else ()
    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, True, available_platforms)
    order = Order(Terms(requirements, options, accepted), reach.way, all_platforms, remember=not no_cache)
    names = (
        *(images or ()),
        *(listed_in(from_file) if from_file else ()),
        *(tagged(repository, tags, order.way) if repository and tags else ()),
    )
    if not names:
        raise UsageError("no image is given", "sweep", "name images, a list with --from, or --repository and --tags")
    workers = jobs or _processors()
    limit_each = timeout_each or None
    engine = Cluster(scheduler, limit_each) if scheduler else Pool(workers, limit_each)
    try:
        with _lines(outputs, fresh=fresh) as (journal, put), counting(quiet=quiet, verbose=verbose) as count:

            def listener(step: "Progress") -> None:
                put(step.line)
                count(step)

            report = audit_all(names, order, engine, journal=journal, listener=listener)
    except (Interrupted, KeyboardInterrupt) as error:
        say(_interrupted(outputs))
        return error.exit_code if isinstance(error, Interrupted) else 130
    _rest(outputs).write(lambda name, style: write(report, name, style), passed=report.verdict == "pass")
    return _exit_code(report)


def _processors() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _exit_code(report: "SweepReport") -> int:
    if report.summary.not_audited:
        return EXIT_NOT_AUDITED
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED


def _rest(outputs: Outputs) -> Outputs:
    """All that is written when the sweep is over."""
    places = tuple(place for place in outputs.places if place.format != _LINES)
    return Outputs(places, outputs.colour, outputs.verbose, outputs.quiet)


def _interrupted(outputs: Outputs) -> str:
    for place in outputs.places:
        if place.format == _LINES and place.file and _is_regular(place.file):
            return f"interrupted; what was done is in {place.file}: the same command goes on from there"
    return "interrupted; what was done is not kept: with -o jsonl=FILE the next run goes on from there"


@contextmanager
def _lines(outputs: Outputs, *, fresh: bool) -> "Iterator[tuple[Journal | None, Callable[[str], None]]]":
    """Where the lines go as they come: a file that can be gone on from, or a stream, or nowhere."""
    places = [place for place in outputs.places if place.format == _LINES]
    if len(places) > 1:
        raise UsageError("the lines are written to one place", "-o jsonl", "name one file")
    file = places[0].file if places else None
    if file is None or not _is_regular(file):
        if fresh:
            raise UsageError("there is nothing to start over from", "--fresh", "it goes with -o jsonl=FILE")
        with _stream(places[0] if places else None) as put:
            yield None, put
        return
    from auditor.sweep.journal import Journal  # noqa: PLC0415

    journal = Journal(file, fresh=fresh)
    try:
        yield journal, lambda _: None
    finally:
        journal.close()


def _is_regular(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def _stream(place: Output | None) -> Iterator[Callable[[str], None]]:
    if place is None:
        yield lambda _: None
    elif place.file is None:
        yield _putting(sys.stdout)
    else:
        with place.file.open("a", encoding="utf-8") as stream:
            yield _putting(stream)


def _putting(stream: TextIO) -> Callable[[str], None]:
    def put(line: str) -> None:
        stream.write(line)
        stream.flush()

    return put
