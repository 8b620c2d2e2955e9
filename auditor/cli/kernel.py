"""`audit-image kernel TREE…`: does a kernel carry what the image's tools will ask of it?"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import AuthfileOption, CaOption, PlainHttpOption, QuietOption, SpecOption
from auditor.cli.output import EXIT_FAILED, EXIT_OK, parse_outputs, style, write_output
from auditor.errors import UsageError
from auditor.family import Family
from auditor.finding import FailOn
from auditor.report.register import Kind, formats, help_text

if TYPE_CHECKING:
    from auditor.cli.source import Reach
    from auditor.kernel.model import Kernel
    from auditor.kernel.source.interface import Source
    from auditor.report.model import Report
    from auditor.rules import Options
    from auditor.spec import Spec


def kernel(
    tree: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TREE…",
            help="A module tree, config, kernel image, .deb or .rpm, or an image with kernels in it, with its scheme "
            "(docker-archive:FILE). Parts of one release are one kernel.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[bool, typer.Option("--host", help="The running kernel.")] = False,
    image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE",
            help="An image as `check` takes it, or report:FILE, whose tools will use the kernels; may be repeated.",
            show_default=False,
        ),
    ] = None,
    spec: SpecOption = "calico-system-requirements",
    ip_family: Annotated[Family, typer.Option(help="The IP families of the cluster.")] = Family.DUAL,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OS/ARCH[/VARIANT]",
            help="The platform of the images; may be repeated. Default: those of the kernels.",
            show_default=False,
        ),
    ] = None,
    waivers: Annotated[
        str | None, typer.Option(metavar="FILE", help="A TOML file of accepted deviations.", show_default=False)
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="The mildest severity that fails.")] = FailOn.ERROR,
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="FORMAT[=FILE]", help=help_text(Kind.KERNEL)),
    ] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    quiet: QuietOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Notes, and every module with its reason.")] = False,
) -> int:
    """Audit kernels, and images with them; exit code 0: they meet the spec, 1: they don't, 2: not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.audit.kernel import audit_kernels  # noqa: PLC0415
    from auditor.audit.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.source import Reach  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    outputs = parse_outputs(output or ["text"], formats(Kind.KERNEL))
    if not tree and not host:
        raise UsageError("no kernel is given", "kernel", "name a module tree, config or package, or say --host")
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    options = Options(ip_family=ip_family, fail_on=fail_on)
    reach = Reach(None, authfile, ca, plain_http, quiet, verbose)
    kernels = _read(tree or (), requirements, reach, host=host)
    images = _audit(image or (), platform or (), kernels, requirements, options, reach)
    report = audit_kernels(kernels, images, requirements, options, accepted)
    for place in outputs:
        write_output(place, write(report, place.format, style(place, verbose=verbose)))
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED


def _read(trees: Sequence[str], spec: "Spec", reach: "Reach", *, host: bool) -> "tuple[Kernel, ...]":
    from auditor.kernel.read import read_kernels  # noqa: PLC0415
    from auditor.kernel.source.host import HostSource  # noqa: PLC0415
    from auditor.rules.kernel.bridge import feature_needs  # noqa: PLC0415

    with ExitStack() as stack:
        sources = [stack.enter_context(_source(tree, reach)) for tree in dict.fromkeys(trees)]
        return read_kernels([*sources, *((HostSource(),) if host else ())], feature_needs(spec))


@contextmanager
def _source(text: str, reach: "Reach") -> "Iterator[Source]":
    """What a TREE means: an image where its scheme says so, else a path."""
    from auditor.image import Scheme  # noqa: PLC0415
    from auditor.kernel.source.open import open_source  # noqa: PLC0415

    word = text.partition(":")[0] if ":" in text else ""
    if word == Scheme.REPORT.value:
        raise UsageError("a saved report holds no kernel", text, "give it with --image")
    if word not in {scheme.value for scheme in Scheme} - {""} or Path(text).exists():
        yield open_source(Path(text))
        return
    from auditor.cli.progress import listening  # noqa: PLC0415
    from auditor.image import load, parse  # noqa: PLC0415
    from auditor.kernel.source.imagetree import ImageSource, is_kernel_path  # noqa: PLC0415

    def keep(path: str, mode: int, size: int, head: bytes) -> bool:  # noqa: ARG001 - the path tells it
        return is_kernel_path(path)

    with (
        listening(quiet=reach.quiet, verbose=reach.verbose) as listener,
        load(parse(text), listener=listener, keep=keep, access=reach.access) as image,
    ):
        yield ImageSource(image.tree, text)


def _audit(
    images: Sequence[str],
    platforms: Sequence[str],
    kernels: "Sequence[Kernel]",
    spec: "Spec",
    options: "Options",
    reach: "Reach",
) -> "tuple[Report, ...]":
    """Every image, for each platform that is asked for or, by default, that a kernel runs."""
    from dataclasses import replace  # noqa: PLC0415

    from auditor.cli.source import audit_reference  # noqa: PLC0415
    from auditor.image import Scheme, parse, parse_platform  # noqa: PLC0415

    if platforms and not images:
        raise UsageError("--platform is about images, and there is none", "kernel", "add --image")
    asked = [str(parse_platform(name)) for name in platforms]
    architectures = dict.fromkeys(kernel.architecture for kernel in kernels if kernel.architecture)
    wanted: list[str | None] = [*dict.fromkeys(asked)] or [f"linux/{name}" for name in architectures]
    reports = []
    for text in dict.fromkeys(images):
        saved = parse(text).scheme is Scheme.REPORT  # has the platform that it was made for
        for platform in [None] if saved or not wanted else wanted:
            reports.append(audit_reference(text, spec, options, (), replace(reach, platform=platform)))
    return tuple(reports)
