"""`audit-image tree IMAGE [PROGRAM]`: what a program would load, as a tree, with the rule that found each library."""

import math
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
            metavar="PROGRAM",
            help="A program on PATH by name or path; none: all of the spec's tools.",
            show_default=False,
        ),
    ] = None,
    why: Annotated[
        str | None,
        typer.Option(metavar="SONAME", help="Only what leads to this library, or lacks it.", show_default=False),
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
    """Draw the closure of programs; exit code 0: drawn, missing libraries too, 2: no such program."""
    # What an audit needs is imported here, so that --help and a mistyped option cost nothing.
    from auditor.cli.source import audit_reference, reach_of  # noqa: PLC0415
    from auditor.report.audit.tree import closure_tree, cut, others_lacking, ways_to  # noqa: PLC0415
    from auditor.report.lines import Pen  # noqa: PLC0415
    from auditor.rules import Options  # noqa: PLC0415
    from auditor.spec import load_spec  # noqa: PLC0415

    reach = reach_of(platform, authfile, ca, plain_http, quiet, verbose, limit, no_cache)
    wanted = load_spec(spec)
    if program is not None:
        wanted = wanted.with_program(program.rpartition("/")[2])
    inventory = audit_reference(image, wanted, Options(), (), reach).inventory
    programs = _binaries(inventory, program, image)
    levels = math.inf if depth is None else depth
    if why is None:
        trees = [closure_tree(inventory, binary, levels) for binary in programs]
    else:
        whole = [(closure_tree(inventory, binary), closure_tree(inventory, binary, levels)) for binary in programs]
        if program is None:
            others = others_lacking(inventory, {binary.resolved_path for binary in programs})
            whole += [(root, cut(root, levels)) for root in others]
        trees = [led for root, drawn in whole if (led := ways_to(root, why, drawn)) is not None]
        if not trees:
            remedy = "a soname is written as in DT_NEEDED, a program that the spec doesn't name after IMAGE"
            raise ImageNotFound(f"nothing that was looked at needs {why}", image, remedy)
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
            remedy = did_you_mean(program, names) or f"the spec's tools have: {there}"
            raise UsageError(f"no program '{program}' is on its PATH, or in the saved report", image, remedy)
        programs = [one for one in programs if program in (one.name, one.path, one.resolved_path)]
    return list({binary.resolved_path: binary for binary in programs}.values())
