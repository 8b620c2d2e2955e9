"""The options that several commands share, each declared once."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from auditor.cli.output import Colour
from auditor.family import Family
from auditor.report.register import Kind, formats, help_text
from auditor.severity import FailOn


def completing(known: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Completion of a word from a list that is made only when a shell asks."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in known() if name.startswith(incomplete)]

    return complete


def schemes() -> tuple[str, ...]:
    """What may stand before a colon in an IMAGE."""
    from auditor.image import Scheme  # noqa: PLC0415 - only completion asks

    return tuple(f"{scheme.value}:" for scheme in Scheme if scheme.value)


def spec_names() -> tuple[str, ...]:
    """The specs that ship with the tool."""
    from auditor.spec import shipped_specs  # noqa: PLC0415 - only completion asks

    return shipped_specs()


def output_option(kind: Kind) -> Any:
    """`-o`: each command writes a document of its own kind."""
    names = formats(kind)
    return typer.Option(
        "-o",
        "--output",
        metavar="FORMAT[=FILE]",
        help=help_text(kind),
        show_default=names[0],
        autocompletion=completing(lambda: names),
    )


IMAGE_HELP = (
    "A name as Docker takes it, or docker:, podman:, registry:, docker-archive:FILE[:TAG], oci-archive:FILE, "
    "oci-dir:PATH, dir:PATH, report:FILE."
)
ImageArgument = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE",
        help=IMAGE_HELP,
        show_default=False,
        autocompletion=completing(schemes),
    ),
]
ImageArguments = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE…",
        help=f"{IMAGE_HELP} Several are audited one after the other.",
        show_default=False,
        autocompletion=completing(schemes),
    ),
]
SpecOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE", help="A shipped spec's name, or a spec file.", autocompletion=completing(spec_names)
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Read the document word for word.")]
IpFamilyOption = Annotated[Family, typer.Option(help="The IP families of the cluster.")]
PlatformOption = Annotated[
    str | None,
    typer.Option(
        metavar="OS/ARCH[/VARIANT]", help="The platform of an index; default: this machine's.", show_default=False
    ),
]
AllPlatformsOption = Annotated[
    bool, typer.Option("--all-platforms", help="Every platform of an index, and whether they agree.")
]
WaiversOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="A TOML file of accepted deviations.", show_default=False)
]
BaselineOption = Annotated[
    str | None,
    typer.Option(metavar="REPORT", help="A saved report: only what it doesn't have fails.", show_default=False),
]
WriteWaiversOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Draft a waiver for each finding that fails, in a new file.", show_default=False),
]
FailOnOption = Annotated[FailOn, typer.Option(help="The mildest severity that fails.")]
AvailablePlatformsOption = Annotated[
    bool,
    typer.Option(
        "--available-platforms", help="With --all-platforms: leave out those that the index names and the source lacks."
    ),
]
RequirePlatformOption = Annotated[
    list[str] | None,
    typer.Option(metavar="OS/ARCH", help="A platform that the index must have; may be repeated.", show_default=False),
]
FailOnUnknownOption = Annotated[
    bool, typer.Option("--fail-on-unknown", help="A row of the spec that can't be known fails too.")
]
ModeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mode",
        metavar="LIST",
        help="The modes of networking that count, of those that the spec knows (calico-current: ipip, vxlan, "
        "wireguard, ipvs, ebpf, xdp, nftables); commas or repeated.",
        show_default=False,
    ),
]
CpuOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cpu",
        metavar="ARCH=LEVEL",
        help="The oldest processor of the cluster (amd64=x86-64-v2); may be repeated.",
        show_default=False,
    ),
]
AuthfileOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Registry credentials, as podman and skopeo keep them.", show_default=False),
]
CaOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Certificates to trust for registries, in PEM.", show_default=False)
]
PlainHttpOption = Annotated[
    bool, typer.Option("--plain-http", help="Speak HTTP to registries (on loopback it needs no asking).")
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=NUMBER",
        help="Raise or lower what an audit may take of one thing; the error that names a limit says its name.",
        show_default=False,
    ),
]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Read the image anew, and remember nothing of it.")]
ColourOption = Annotated[
    Colour, typer.Option("--color", help="Colour on standard output; NO_COLOR and FORCE_COLOR are heeded.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, no log lines, and no text where the verdict is pass.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Notes, every binary, and which source answered.")]
