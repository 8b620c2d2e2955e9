"""Rules about an index: the platforms that are asked for are there, and they agree."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.rules.context import enumerate_names, finding
from auditor.rules.index.context import IndexContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind


@rule(
    "platform-missing",
    Severity.ERROR,
    Subject.INDEX,
    mend="Build the platform, and push the index rather than one platform's manifest.",
)
def platform_missing(context: IndexContext) -> Iterator[Finding]:
    """A platform that the spec or `--require-platform` demands is not in the index.

    An image without an index counts as one platform. Where `--platform` chooses one, the others are not asked for.
    """
    demanded = [name for row in context.spec.of_kind(Kind.PLATFORMS) for name in row.platforms]
    offered = [str(platform) for platform in context.offered]
    for name in dict.fromkeys([*demanded, *context.options.require_platforms]):
        if any(_is(platform, name) for platform in context.offered):
            continue
        has = f"it has {enumerate_names(offered, 8)}" if offered else "it has none"
        yield finding(
            "platform-missing",
            context.row,
            name,
            f"{context.reference} has no image for {name}; {has}.",
            evidence={"offered": offered},
            fix=f"Build {name} and push it in the same index.",
        )


def _is(platform: Platform, name: str) -> bool:
    """Whether a platform is the one that `os/arch[/variant]` means; without a variant any will do."""
    wanted = name.split("/")
    return [platform.os, platform.architecture, platform.variant][: len(wanted)] == wanted


@rule(
    "platform-skew",
    Severity.ERROR,
    Subject.INDEX,
    mend="Build every platform from the same base and the same versions.",
)
def platform_skew(context: IndexContext) -> Iterator[Finding]:
    """A documented tool's upstream version or flavour differs between platforms of one index."""
    for row in context.spec.of_kind(Kind.TOOL):
        seen: dict[str, list[str]] = {}
        for inventory in context.members:
            tool = inventory.tool(row.tool)
            if tool is None or not tool.binaries or tool.version is None:
                continue  # what is missing or unknown is said by that platform's own report
            flavour = tool.binaries[0].flavour
            shown = f"{tool.version} ({flavour})" if flavour else tool.version
            seen.setdefault(shown, []).append(str(inventory.platform))
        if len(seen) > 1:
            told = "; ".join(f"{shown} on {', '.join(platforms)}" for shown, platforms in sorted(seen.items()))
            yield finding(
                "platform-skew",
                context.row,
                row.tool,
                f"{row.tool} differs between platforms: {told}.",
                evidence={"versions": dict(sorted(seen.items()))},
                affects=[row.id],
            )
