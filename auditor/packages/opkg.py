"""opkg's database, as OpenWrt has it in /usr/lib/opkg and OpenEmbedded in /var/lib/opkg.

`status` lists the packages with their state and configuration files; `info/NAME.control` says more of each (source,
licence, maintainer), `info/NAME.list` has its paths. opkg keeps no digests but those of configuration files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.kept import Kept
from auditor.packages.deb822 import ABSENT, absolute, conffiles, paragraphs, state
from auditor.packages.model import DatabaseFiles, DatabaseKind, DatabaseWarning, Described, OwnedFile, Package
from auditor.packages.reading import Unreadable, join, read_text
from auditor.packages.versions import deb

ROOTS = ("/usr/lib/opkg", "/var/lib/opkg")

_STATUS = frozenset({"package", "version", "architecture", "status", "conffiles"})
_CONTROL = frozenset({"sourcename", "source", "maintainer", "license", "homepage", "url"})
_REVISION = re.compile(r"-r?\d+$", re.ASCII)


@dataclass
class OpkgDatabase:
    """A PackageDatabase of opkg's."""

    path: str
    source: DatabaseFiles
    packages: tuple[Package, ...]
    configuration: Mapping[Package, Mapping[str, str]]  # path to its MD5, or ""
    _warnings: dict[DatabaseWarning, None] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[DatabaseWarning, ...]:
        """File lists that could not be read."""
        return tuple(self._warnings)

    def paths(self, package: Package) -> tuple[str, ...]:
        """The package's files."""
        path = join(self.path, f"info/{package.name}.list")
        text = read_text(self.source, path)
        if text is None:
            text = Unreadable(path, "it is gone")
        if isinstance(text, Unreadable):
            self._warnings[text.warning("the package's file list")] = None
            return ()
        # OpenEmbedded's opkg writes mode and link target after the path.
        names = (line.partition("\t")[0] for line in text.split("\n"))
        found = tuple(dict.fromkeys(absolute(name) for name in names if name))
        self.source.budget.package_files.take(len(found), self.path)
        return found

    def files(self, package: Package) -> tuple[OwnedFile, ...]:
        """Every path of the package."""
        digests = self.configuration[package]
        return tuple(
            OwnedFile(
                path,
                package,
                digest=f"md5:{digests[path]}" if digests.get(path) else "",
                configuration=path in digests,
            )
            for path in sorted(self.paths(package))
        )


class OpkgKind:
    """The DatabaseKind of OpenWrt and OpenEmbedded images."""

    type = "opkg"
    kept = Kept(
        files=frozenset(f"{root}/status" for root in ROOTS),
        endings=tuple((f"{root}/info/", (".list", ".control")) for root in ROOTS),
    )
    compare = staticmethod(deb.compare)  # opkg took dpkg's order over

    def open(self, files: DatabaseFiles) -> tuple[tuple[OpkgDatabase, ...], tuple[DatabaseWarning, ...]]:
        """Read `status` in each of the directories that is not one already read."""
        warnings: list[DatabaseWarning] = []
        databases = {files.find(root).path: _open(files, root, warnings) for root in ROOTS}
        return tuple(database for database in databases.values() if database is not None), tuple(warnings)

    def purl_parts(self, package: Described) -> tuple[str, dict[str, str]]:
        """`upstream` is the source package where it has another name."""
        return package.version, {"upstream": package.source if package.source != package.name else ""}


KIND: DatabaseKind = OpkgKind()


def _open(files: DatabaseFiles, root: str, warnings: list[DatabaseWarning]) -> OpkgDatabase | None:
    path = join(root, "status")
    text = read_text(files, path)
    if isinstance(text, Unreadable):
        warnings.append(text.warning("opkg's list of packages"))
    if text is None and any(name.endswith(".list") for name in files.listdir(join(root, "info"))):
        warnings.append(DatabaseWarning(path, "it is gone; the lists in info are still there"))
    if not isinstance(text, str):
        return None
    found = {}
    broken = 0
    for fields in paragraphs(text, _STATUS):
        files.budget.packages.take(1, path)
        if state(fields) in ABSENT:
            continue
        if not fields.get("package") or not fields.get("version"):
            broken += 1
            continue
        found[_package(files, root, fields)] = conffiles(fields)
    if broken:
        warnings.append(DatabaseWarning(path, f"{broken} of its paragraphs have no Package or Version"))
    ordered = sorted(found, key=lambda one: (one.name, one.architecture, one.version))
    return OpkgDatabase(root, files, tuple(ordered), found) if found or not broken else None


def _package(files: DatabaseFiles, root: str, fields: Mapping[str, str]) -> Package:
    name, version = fields["package"], fields["version"]
    control = read_text(files, join(root, f"info/{name}.control"))
    more = next(paragraphs(control, _CONTROL), {}) if isinstance(control, str) else {}
    source = more.get("sourcename") or more.get("source", "").rpartition("/")[2] or name
    return Package(
        type="opkg",
        name=name,
        version=version,
        architecture=fields.get("architecture", ""),
        upstream_version=_REVISION.sub("", version.rpartition(":")[2]),
        source=source,
        source_version=version,
        vendor=more.get("maintainer", ""),
        licence=more.get("license", ""),
        homepage=more.get("url") or more.get("homepage", ""),
        state=state(fields),
    )
