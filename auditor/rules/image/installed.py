"""Packages that a spec asks for, by the image's own package databases."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.inventory.model import InstalledPackage
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement


@rule("package-missing", Severity.ERROR, Subject.IMAGE, mend="Install the package.")
def package_missing(context: ImageContext) -> Iterator[Finding]:
    """A package that the spec asks for is not installed, or is older than its minimum.

    Asked are the databases of dpkg, RPM, apk and opkg that the image has; a row names the package for each of them, or
    several (`libssl3|libssl3t64`), any of which will do.
    Versions are compared in the package manager's own order. An epoch counts only where the minimum has one. An image
    without a database, or with one that can't be read whole, leaves a package that doesn't show unknown.
    """
    for row in context.rows(Kind.PACKAGE):
        if unknown_package(context, row):
            continue
        found, named = _installed(context, row), _named(context, row)
        if not found:
            message = f"The package {named} is not installed."
            yield finding("package-missing", row.id, named, message, evidence={"packages": dict(row.packages)})
        for package in found:
            if row.minimum and (_order(package, row.minimum) or 0) < 0:
                yield finding(
                    "package-missing",
                    row.id,
                    package.name,
                    f"The package {package.name} is {package.version}, and {row.minimum} is the minimum.",
                    evidence={"version": package.version, "minimum": row.minimum},
                    fix=f"Install {package.name} {row.minimum} or newer.",
                )


def unknown_package(context: ImageContext, row: Requirement) -> str:
    """Why it can't be told whether a row's package is there; "" where it can."""
    inventory = context.inventory
    types = {package.type for package in inventory.packages}
    if not types:
        return "the image has no package database"
    if _installed(context, row):
        return ""
    if not types & row.packages.keys():
        return f"the image's packages are {' and '.join(sorted(types))}, and the row names none of that kind"
    if inventory.package_warnings:
        return f"part of the package database can't be read: {inventory.package_warnings[0]}"
    return ""


def _installed(context: ImageContext, row: Requirement) -> list[InstalledPackage]:
    return [one for one in context.inventory.packages if one.name in row.packages.get(one.type, "").split("|")]


def _named(context: ImageContext, row: Requirement) -> str:
    types = {package.type for package in context.inventory.packages}
    named = (name for kind in sorted(types & row.packages.keys()) for name in row.packages[kind].split("|"))
    return " or ".join(dict.fromkeys(named))


def _order(package: InstalledPackage, minimum: str) -> int | None:
    from auditor.packages.kinds import compare_versions  # noqa: PLC0415 - every database's reader, for rows of packages

    version = package.version if ":" in minimum else package.version.rpartition(":")[2]
    return compare_versions(package.type, version, minimum)
