"""`audit-image tree IMAGE [PROGRAM]`: what a program would load, as a tree, with the rule that found each library."""

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import (
    AuthfileOption,
    CaOption,
    ColourOption,
    ImageArgument,
    LimitOption,
    NoCacheOption,
    PlainHttpOption,
    PlatformOption,
    QuietOption,
    SpecOption,
    VerboseOption,
)
from auditor.cli.output import EXIT_OK, Colour, Output, Outputs
from auditor.errors import ImageNotFound, UsageError, did_you_mean

if TYPE_CHECKING:
    from auditor.inventory.model import Binary, Inventory


def tree(
    image: ImageArgument,
    program: Annotated[
        str | None,
        typer.Argument(
            metavar="PROGRAM", help="A tool's program by name or path; none: all of them.", show_default=False
        ),
    ] = None,
    why: Annotated[
        str | None, typer.Option(metavar="SONAME", help="Only what leads to this library.", show_default=False)
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Levels below the program.", show_default=False)
    ] = None,
    spec: SpecOption = "calico-system-requirements",
    platform: PlatformOption = None,
    authfile: AuthfileOption = None,
    ca: CaOption = None,
    plain_http: PlainHttpOption = False,
    limit: LimitOption = None,
    no_cache: NoCacheOption = False,
    color: ColourOption = Colour.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Draw the closure of the tools' programs; exit code 0: drawn, missing libraries too, 2: no such program."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.cli.source import audit_reference, reach_of  # noqa: PLC0415
    from auditor.report.audit.tree import closure_tree, cut, ways_to  # noqa: PLC0415
    from auditor.report.lines import Pen  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, no_cache)
    inventory = audit_reference(image, load_spec(spec), Options(), (), reach).inventory
    trees = [closure_tree(inventory, binary) for binary in _binaries(inventory, program, image)]
    if why is not None:
        trees = [led for root in trees if (led := ways_to(root, why)) is not None]
        if not trees:
            raise ImageNotFound(f"nothing that was looked at needs {why}", image, "a soname is written as in DT_NEEDED")
    if depth is not None:
        trees = [cut(root, depth) for root in trees]
    Outputs((Output("text", None),), color).write(
        lambda _, style: "".join(f"{line}\n" for root in trees for line in Pen(style).tree(root, ""))
    )
    return EXIT_OK


def _binaries(inventory: "Inventory", program: str | None, image: str) -> "list[Binary]":
    """One for each file that is loaded; of a program that is named only its own."""
    programs = [binary for tool in inventory.tools for binary in tool.binaries if binary.kind == "program"]
    if program is not None:
        names = {name for binary in programs for name in (binary.name, binary.path, binary.resolved_path)}
        if program not in names:
            there = ", ".join(dict.fromkeys(binary.name for binary in programs)) or "none"
            remedy = did_you_mean(program, names) or f"its tools' programs are: {there}"
            raise UsageError(f"there is no program '{program}' of a tool that the spec names", image, remedy)
        programs = [one for one in programs if program in (one.name, one.path, one.resolved_path)]
    return list({binary.resolved_path: binary for binary in programs}.values())
