"""All package databases of an image behind one door: what is installed, who owns a path, what a package has."""

import posixpath
from collections.abc import Iterable, Iterator

from auditor.budget import Budget
from auditor.filetree import FileTree
from auditor.packages.canonical import canonicaliser
from auditor.packages.content import vouches_for
from auditor.packages.kinds import KINDS
from auditor.packages.model import DatabaseFiles, DatabaseWarning, OwnedFile, Package, PackageDatabase


def read_packages(tree: FileTree, budget: Budget | None = None) -> "Packages":
    """Open every package database in `tree`: what can't be read is in `warnings`. LimitExceeded by the budget alone."""
    files = DatabaseFiles(tree, budget or Budget())
    opened = [kind.open(files) for kind in KINDS]
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
        self._index: _Index | None = None
        self._files: dict[tuple[str, Package], _Records] = {}
        self._holders: dict[Package, list[PackageDatabase]] = {}
        for database in databases:
            for package in database.packages:
                self._holders.setdefault(package, []).append(database)
        self.packages: tuple[Package, ...] = tuple(sorted(self._holders, key=_order))

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
        real = self._canonical(path)
        name = posixpath.basename(real)
        found = [
            record
            for database, package in self._owning(name)
            for record in self._records(database, package).by_name.get(name, ())
            if self._canonical(record.place) == real
        ]
        return tuple(sorted(found, key=lambda one: _order(one.package)))

    def named(self, name: str) -> tuple[OwnedFile, ...]:
        """Every package's installed files of that name, wherever they lie."""
        return tuple(
            record
            for database, package in self._owning(name)
            for record in self._records(database, package).by_name.get(name, ())
        )

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
            for database in self._holders.get(package, ())
            for owned in self._records(database, package).by_place.values()
        )

    def real_path(self, owned: OwnedFile) -> str:
        """Where `owned` lies in the tree: its directory links followed, its own last link not."""
        return self._canonical(owned.place)

    def _owning(self, name: str) -> Iterator[tuple[PackageDatabase, Package]]:
        if self._index is None:
            self._index = _Index(self._databases)
        return self._index.owning(name)

    def _records(self, database: PackageDatabase, package: Package) -> "_Records":
        key = (database.path, package)
        records = self._files.get(key)
        if records is None:
            records = self._files[key] = _Records(database.files(package))
        return records


class _Records:
    """One package's files, by where they lie and by the last part of that."""

    def __init__(self, files: Iterable[OwnedFile]) -> None:
        self.by_place = {owned.place: owned for owned in files}
        self.by_name: dict[str, list[OwnedFile]] = {}
        for place, owned in self.by_place.items():
            self.by_name.setdefault(_name(place), []).append(owned)


class _Index:
    """Which packages own something of a name. Few own the same one, and only numbers are kept: it may be large."""

    def __init__(self, databases: tuple[PackageDatabase, ...]) -> None:
        self._owners: list[tuple[PackageDatabase, Package]] = []
        self._names: dict[str, int | list[int]] = {}
        for database in databases:
            for package in database.packages:
                number = len(self._owners)
                self._owners.append((database, package))
                for name in {_name(place) for place in database.paths(package)}:
                    self._add(name, number)

    def owning(self, name: str) -> Iterator[tuple[PackageDatabase, Package]]:
        """The packages and where they are listed."""
        numbers = self._names.get(name, [])
        return (self._owners[number] for number in ([numbers] if isinstance(numbers, int) else numbers))

    def _add(self, name: str, number: int) -> None:
        known = self._names.get(name)
        if known is None:
            self._names[name] = number
        elif isinstance(known, int):
            self._names[name] = [known, number]
        else:
            known.append(number)


def _name(place: str) -> str:
    return place[place.rfind("/") + 1 :]


def _order(package: Package) -> tuple[str, str, str, str]:
    return package.type, package.name, package.architecture, package.version
