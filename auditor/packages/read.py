"""All package databases of an image behind one door: what is installed, who owns a path, what a package has."""

import posixpath

from auditor.filetree import FileTree
from auditor.packages.canonical import canonicaliser
from auditor.packages.content import vouches_for
from auditor.packages.kinds import KINDS
from auditor.packages.model import DatabaseWarning, OwnedFile, Package, PackageDatabase


def read_packages(tree: FileTree) -> "Packages":
    """Open every package database in `tree`. Never raises: what can't be read is in `warnings`."""
    opened = [kind.open(tree) for kind in KINDS]
    databases = tuple(database for found, _ in opened for database in found)
    return Packages(tree, databases, tuple(warning for _, warned in opened for warning in warned))


class Packages:
    """The packages of one image. File lists are read when `owner`, `owners` or `files` is first asked."""

    def __init__(
        self, tree: FileTree, databases: tuple[PackageDatabase, ...], warnings: tuple[DatabaseWarning, ...] = ()
    ) -> None:
        self._tree = tree
        self._databases = databases
        self._warnings = warnings
        self._canonical = canonicaliser(tree)
        self._index: dict[str, list[tuple[PackageDatabase, Package, str]]] | None = None
        self._files: dict[tuple[str, Package], dict[str, OwnedFile]] = {}
        self.packages: tuple[Package, ...] = tuple(sorted({p for db in databases for p in db.packages}, key=_order))

    @property
    def databases(self) -> tuple[str, ...]:
        """Where the databases that could be read lie."""
        return tuple(database.path for database in self._databases)

    @property
    def warnings(self) -> tuple[DatabaseWarning, ...]:
        """What could not be read, sorted; complete once the file lists were asked for."""
        found = {*self._warnings, *(warning for database in self._databases for warning in database.warnings)}
        return tuple(sorted(found, key=lambda warning: (warning.path, warning.message)))

    @property
    def complete(self) -> bool:
        """Is there a database, and was all of it read? If not, a path without an owner may have one all the same."""
        return bool(self._databases) and not any(warning.incomplete for warning in self.warnings)

    def owners(self, path: str) -> tuple[OwnedFile, ...]:
        """Every package's record of `path`, sorted by package; empty where no package owns it.

        `path` names the thing itself: its directories' links are followed and its own last link isn't, as
        rpm -qf does. A database's paths are followed in the same way, so /bin/ip and /usr/bin/ip are one file where
        /bin is a link to usr/bin. A diverted file is owned where it really lies (dpkg-divert(1)).
        """
        if self._index is None:
            self._index = _by_name(self._databases)
        real = self._canonical(path)
        owned = {
            (database.path, package): record
            for database, package, place in self._index.get(posixpath.basename(real), ())
            if self._canonical(place) == real and (record := self._records(database, package).get(place)) is not None
        }
        return tuple(sorted(owned.values(), key=lambda one: _order(one.package)))

    def owner(self, path: str) -> OwnedFile | None:
        """The one record of `path` to go by: of several, the first that vouches for the content, else the first."""
        owners = self.owners(path)
        if len(owners) < 2:
            return owners[0] if owners else None
        node = self._tree.lstat(path)
        vouching = (owned for owned in owners if node is not None and vouches_for(owned, node))
        return next(vouching, owners[0])

    def files(self, package: Package) -> tuple[OwnedFile, ...]:
        """Every path that `package` says is its own, sorted; empty for a package of another image."""
        return tuple(
            owned
            for database in self._databases
            if package in database.packages
            for owned in self._records(database, package).values()
        )

    def real_path(self, owned: OwnedFile) -> str:
        """Where `owned` lies in the tree: its directory links followed, its own last link not."""
        return self._canonical(owned.place)

    def _records(self, database: PackageDatabase, package: Package) -> dict[str, OwnedFile]:
        key = (database.path, package)
        records = self._files.get(key)
        if records is None:
            records = self._files[key] = {owned.place: owned for owned in database.files(package)}
        return records


def _by_name(databases: tuple[PackageDatabase, ...]) -> dict[str, list[tuple[PackageDatabase, Package, str]]]:
    """All owned places by their last name: few share one, so only those few need their directories followed."""
    index: dict[str, list[tuple[PackageDatabase, Package, str]]] = {}
    for database in databases:
        for package in database.packages:
            for place in database.paths(package):
                index.setdefault(place[place.rfind("/") + 1 :], []).append((database, package, place))
    return index


def _order(package: Package) -> tuple[str, str, str, str]:
    return package.type, package.name, package.architecture, package.version
