"""Where an image keeps its RPM database, and what is in it."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from auditor.archive.rpmheader import Header, HeaderError, parse
from auditor.budget import Budget
from auditor.filetree import Content
from auditor.kept import Kept
from auditor.packages.model import (
    DatabaseFiles,
    DatabaseKind,
    DatabaseWarning,
    Described,
    OwnedFile,
    Package,
    PackageDatabase,
)
from auditor.packages.reading import BINARY_LIMIT, Unreadable, find_content, join, read_bytes
from auditor.packages.rpm import bdb, manifest, ndb, package, sqlite
from auditor.packages.rpm.errors import DamagedDatabase
from auditor.packages.rpm.integrity import intact
from auditor.packages.versions import rpm as versions

# RPM's own default, Fedora's and SUSE's since 2020, rpm-ostree's; often links to one another.
DIRECTORIES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm")


class Shape(Struct, frozen=True):
    """One kind of file that RPM keeps its headers in."""

    name: str
    label: str
    recognises: Callable[[bytes], bool]
    headers: Callable[[Content, bytes], Iterator[bytes]]  # from the file and the log beside it
    log_name: str = ""


# In the order in which RPM itself looks for them (rpmdb.c).
SHAPES = (
    Shape("rpmdb.sqlite", "SQLite", sqlite.recognises, sqlite.headers, "rpmdb.sqlite-wal"),
    Shape("Packages.db", "NDB", ndb.recognises, lambda content, _: ndb.headers(content.read())),
    Shape("Packages", "Berkeley DB hash", bdb.recognises, lambda content, _: bdb.headers(content.read())),
)
LOG_LIMIT = 32 << 20  # bytes; SQLite empties a log of 1,000 pages into the database
_HEAD = 512  # bytes that tell what a file is
# Indexes that stand beside one of the above and are of no use without it.
_COMPANIONS = frozenset({"Basenames", "Name", "Providename", "Sha1header", "Index.db", "__db.001", "rpmdb.sqlite-wal"})


class RpmDatabase(Struct, frozen=True):
    """A PackageDatabase of RPM's."""

    path: str
    packages: tuple[Package, ...]
    headers: dict[Package, list[Header]]  # several where a package is listed twice
    budget: Budget
    warnings: tuple[DatabaseWarning, ...] = ()

    def paths(self, owner: Package) -> tuple[str, ...]:
        """The package's files that were installed, as `rpm -qf` has it."""
        found = (path for header in self.headers[owner] for path in package.paths(header, only_installed=True))
        paths = tuple(dict.fromkeys(found))
        self.budget.package_files.take(len(paths), self.path)
        return paths

    def files(self, owner: Package) -> tuple[OwnedFile, ...]:
        """Every path of the package, also those that were not installed (`optional`)."""
        found = {owned.path: owned for header in self.headers[owner] for owned in package.files(header, owner)}
        return tuple(found[path] for path in sorted(found))


class RpmKind:
    """The DatabaseKind of Red Hat, Fedora and SUSE images."""

    type = "rpm"
    kept = Kept(
        files=frozenset(
            f"{directory}/{name}"
            for directory in DIRECTORIES
            for shape in SHAPES
            for name in (shape.name, shape.log_name)
            if name
        ).union(manifest.kept())
    )
    compare = staticmethod(versions.compare)

    def purl_parts(self, package: Described) -> tuple[str, dict[str, str]]:
        """The epoch is a qualifier; `upstream` is the source package's file (as syft writes it)."""
        epoch, _, version = package.version.rpartition(":")
        source = package.source
        if source and package.source_version:
            source = f"{source}-{package.source_version}.src.rpm"
        return version, {"epoch": epoch, "upstream": source}

    def open(self, files: DatabaseFiles) -> tuple[tuple[PackageDatabase, ...], tuple[DatabaseWarning, ...]]:
        """Read the database in each directory that is not one already read, or the list that stands for one."""
        warnings: list[DatabaseWarning] = []
        databases: list[PackageDatabase] = []
        seen = set()
        for directory in DIRECTORIES:
            found = files.find(directory)
            if found.node is None and files.lstat(directory) is not None:
                warnings.append(DatabaseWarning(directory, "where RPM's database would be is a link to nothing"))
            if found.path in seen:
                continue
            seen.add(found.path)
            database = _open_directory(files, directory, warnings)
            if database is not None:
                databases.append(database)
        listed = None if databases else manifest.open_manifest(files, warnings)
        return (*databases, listed) if listed else tuple(databases), tuple(warnings)


KIND: DatabaseKind = RpmKind()


def _open_directory(files: DatabaseFiles, directory: str, warnings: list[DatabaseWarning]) -> RpmDatabase | None:
    names = files.listdir(directory)
    present = [shape for shape in SHAPES if shape.name in names]
    if not present:
        if _COMPANIONS.intersection(names):
            warnings.append(DatabaseWarning(directory, "RPM's list of packages is gone; its indexes are still there"))
        return None
    shape, *others = present
    warnings += [
        DatabaseWarning(join(directory, other.name), f"not read: RPM takes {shape.name} beside it", incomplete=False)
        for other in others
    ]
    path = join(directory, shape.name)
    content = find_content(files, path, BINARY_LIMIT)
    log = read_bytes(files, join(directory, shape.log_name), LOG_LIMIT) if shape.log_name else None
    for unreadable in (content, log):
        if isinstance(unreadable, Unreadable):
            warnings.append(unreadable.warning("the RPM database"))
            return None
    if content is None or isinstance(content, Unreadable):
        return None
    if not shape.recognises(content.read(0, _HEAD)):
        warnings.append(DatabaseWarning(path, f"it is no {shape.label} file"))
        return None
    return _read(path, shape.headers(content, log if isinstance(log, bytes) else b""), files.budget, warnings)


def _read(path: str, blobs: Iterator[bytes], budget: Budget, warnings: list[DatabaseWarning]) -> RpmDatabase | None:
    headers: dict[Package, list[Header]] = {}
    unusable = 0
    damage = ""
    try:
        for blob in blobs:
            budget.packages.take(1, path)
            try:
                header = parse(blob)
                if not intact(blob, header):
                    raise HeaderError("not the header that its digest is of")
                found = package.package(header)
            except HeaderError:
                unusable += 1
                continue
            headers.setdefault(found, []).append(header)
    except DamagedDatabase as error:
        damage = str(error)
    if damage:
        warnings.append(DatabaseWarning(path, f"damaged after {len(headers)} packages: {damage}"))
    if unusable:
        warnings.append(DatabaseWarning(path, f"{unusable} of its entries are no package headers, or damaged ones"))
    if not headers and (damage or unusable):
        return None
    ordered = sorted(headers, key=lambda one: (one.name, one.architecture, one.version))
    return RpmDatabase(path, tuple(ordered), headers, budget)
