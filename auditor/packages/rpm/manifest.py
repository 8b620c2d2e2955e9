"""The list of packages that Azure Linux' distroless images have in place of an RPM database.

`container-manifest-2` is what `rpm -qa` prints with a format of ten columns: name, version-release, install time,
build time, vendor, epoch (or `(none)`), size, architecture, epoch number, source package. `container-manifest-1` is
`rpm -qa` by itself: name-version-release.architecture. Neither says which files a package has.
"""

from auditor.packages.model import DatabaseFiles, DatabaseWarning, OwnedFile, Package
from auditor.packages.reading import Unreadable, join, read_text
from auditor.packages.rpm.package import source_of
from auditor.packages.versions.rpm import upstream

DIRECTORY = "/var/lib/rpmmanifest"
COLUMNS, NAMES = "container-manifest-2", "container-manifest-1"
_COLUMN_COUNT = 10
_NONE = "(none)"


class Manifest:
    """A PackageDatabase that knows packages and none of their files."""

    def __init__(self, path: str, packages: tuple[Package, ...], broken: int) -> None:
        self.path = path
        self.packages = packages
        found = [DatabaseWarning(path, "it lists packages without their files: which package owns a path isn't known")]
        if broken:
            found.append(DatabaseWarning(path, f"{broken} of its lines are none of a package"))
        self.warnings = tuple(found)

    def paths(self, package: Package) -> tuple[str, ...]:  # noqa: ARG002 - it knows none
        """None."""
        return ()

    def files(self, package: Package) -> tuple[OwnedFile, ...]:  # noqa: ARG002 - it knows none
        """None."""
        return ()


def open_manifest(files: DatabaseFiles, warnings: list[DatabaseWarning]) -> Manifest | None:
    """The richer of the two files that is there and can be read; None where there is none."""
    for name, parse in ((COLUMNS, _columns), (NAMES, _name)):
        path = join(DIRECTORY, name)
        text = read_text(files, path)
        if isinstance(text, Unreadable):
            warnings.append(text.warning("the list of packages"))
        if isinstance(text, str):
            files.budget.packages.take(text.count("\n"), path)
            found = [parse(line) for line in text.split("\n") if line]
            packages = {package for package in found if package is not None}
            ordered = sorted(packages, key=lambda one: (one.name, one.architecture, one.version))
            return Manifest(path, tuple(ordered), sum(package is None for package in found))
    return None


def _columns(line: str) -> Package | None:
    fields = line.split("\t")
    if len(fields) < _COLUMN_COUNT or not fields[0] or not fields[1]:
        return None
    name, version, _, _, vendor, _, _, architecture, epoch, source = fields[:_COLUMN_COUNT]
    return _package(name, version if epoch in ("", "0", _NONE) else f"{epoch}:{version}", architecture, vendor, source)


def _name(line: str) -> Package | None:
    """`bash-5.2.15-3.azl3.x86_64`: neither version nor release has a hyphen (rpm-version(7))."""
    stem, _, architecture = line.strip().rpartition(".")
    parts = stem.rsplit("-", 2)
    if len(parts) != 3 or not all(parts):
        return None
    return _package(parts[0], f"{parts[1]}-{parts[2]}", architecture, "", "")


def _package(name: str, version: str, architecture: str, vendor: str, source: str) -> Package:
    source_name, source_version = source_of(source)
    return Package(
        type="rpm",
        name=name,
        version=version,
        architecture="" if architecture == _NONE else architecture,
        upstream_version=upstream(version),
        source=source_name,
        source_version=source_version,
        vendor="" if vendor == _NONE else vendor,
    )


def kept() -> tuple[str, ...]:
    """The files that are read."""
    return (join(DIRECTORY, COLUMNS), join(DIRECTORY, NAMES))
