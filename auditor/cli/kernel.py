"""`audit-image kernel TREE…`: does a kernel carry what the image's tools will ask of it?"""

from contextlib import ExitStack
from typing import Annotated

import typer

from auditor.cli.options import (
    AuthfileOption,
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
    QuietOption,
    SpecOption,
    WaiversOption,
    output_option,
)
from auditor.cli.output import EXIT_FAILED, EXIT_OK, Colour, parse_outputs
from auditor.errors import UsageError
from auditor.family import Family
from auditor.report.register import Kind, formats
from auditor.severity import FailOn


def kernel(
    tree: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TREE…",
            help="A module tree, config, kernel image, .deb or .rpm, what `node-facts` wrote, or an image with kernels "
            "in it, with its scheme (docker-archive:FILE). Parts of one release are one kernel.",
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
    ip_family: IpFamilyOption = Family.DUAL,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OS/ARCH[/VARIANT]",
            help="The platform of the images; may be repeated. Default: those of the kernels.",
            show_default=False,
        ),
    ] = None,
    mode: ModeOption = None,
    cpu: CpuOption = None,
    waivers: WaiversOption = None,
    fail_on: FailOnOption = FailOn.ERROR,
    fail_on_unknown: FailOnUnknownOption = False,
    output: Annotated[list[str] | None, output_option(Kind.KERNEL)] = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    no_cache: NoCacheOption = False,
    color: ColourOption = Colour.AUTO,
    quiet: QuietOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Notes, and every module with its reason.")] = False,
) -> int:
    """Audit kernels, and images with them; exit code 0: they meet the spec, 1: they don't, 2: not audited."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.auditing.kernel import audit_kernels, platforms_for  # noqa: PLC0415
    from auditor.auditing.waivers import load_waivers  # noqa: PLC0415
    from auditor.cli.progress import listening  # noqa: PLC0415
    from auditor.cli.source import audit_for_platforms, reach_of  # noqa: PLC0415
    from auditor.kernel.read import read_kernels  # noqa: PLC0415
    from auditor.kernel.source.host import HostSource  # noqa: PLC0415
    from auditor.kernel.source.named import named_source  # noqa: PLC0415
    from auditor.processor import parse_floors  # noqa: PLC0415
    from auditor.report.register import write  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.rules.kernel.bridge import feature_needs  # noqa: PLC0415
    from auditor.spec import chosen_modes, load_spec  # noqa: PLC0415

    if not tree and not host:
        raise UsageError("no kernel is given", "kernel", "name a module tree, config or package, or say --host")
    if platform and not image:
        raise UsageError("--platform is about images, and there is none", "kernel", "add --image")
    known = formats(Kind.KERNEL)
    outputs = parse_outputs(output or known[:1], known, color, verbose=verbose, quiet=quiet)
    requirements = load_spec(spec)
    accepted = load_waivers(waivers) if waivers else ()
    options = Options(
        ip_family=ip_family,
        fail_on=fail_on,
        fail_on_unknown=fail_on_unknown,
        modes=chosen_modes(requirements, mode),
        cpu=parse_floors(cpu or ()),
    )
    reach = reach_of(None, authfile, ca, plain_http, quiet, verbose, limit, no_cache)
    with ExitStack() as stack:
        listener = stack.enter_context(listening(quiet=quiet, verbose=verbose))
        named = [
            stack.enter_context(named_source(text, access=reach.access, listener=listener, limits=reach.limits))
            for text in dict.fromkeys(tree or ())
        ]
        kernels = read_kernels([*named, *((HostSource(),) if host else ())], feature_needs(requirements))
    platforms = platforms_for(kernels, platform or ())
    images = [
        report
        for text in dict.fromkeys(image or ())
        for report in audit_for_platforms(text, platforms, requirements, options, reach)
    ]
    report = audit_kernels(kernels, tuple(images), requirements, options, accepted)
    outputs.write(lambda name, style: write(report, name, style), passed=report.verdict == "pass")
    return EXIT_OK if report.verdict == "pass" else EXIT_FAILED
