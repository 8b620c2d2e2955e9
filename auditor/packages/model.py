"""Packages as their databases describe them."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from auditor.budget import Budget
from auditor.filetree import FileTree, Found, Node
from auditor.kept import Kept


class Package(Struct, frozen=True):
    """One installed package. `version` is written as the package manager prints it (epoch and release included)."""

    type: str  # the purl type: "deb", "rpm", …
    name: str
    version: str
    architecture: str
    upstream_version: str  # epoch and distribution revision stripped
    source: str = ""  # source package's name
    source_version: str = ""
    vendor: str = ""  # RPM vendor, dpkg maintainer, apk maintainer
    licence: str = ""
    homepage: str = ""
    state: str = "installed"  # dpkg's word for it (dpkg(1)); "installed" wherever a database knows no other


class OwnedFile(Struct, frozen=True):
    """A path that a package says is its own. `digest` is `ALGORITHM:HEX` as hashlib names it, "" where there is none.

    An apk digest of a symlink is that of its target (apk-installed(5)), which `verify` knows.
    """

    path: str  # as the database writes it
    package: Package
    digest: str = ""
    mode: int | None = None  # st_mode with its type bits, where the database has it
    target: str = ""  # of a symlink
    configuration: bool = False  # an administrator may change it
    exempt: bool = False  # the packager lets its content change: RPM's %ghost, %verify
    diverted_to: str = ""  # where dpkg-divert(1) put it instead of `path`
    optional: bool = False  # the package is whole without it (RPM's %ghost, missingok, and what was never installed)

    @property
    def place(self) -> str:
        """Where the file lies, as the database writes it."""
        return self.diverted_to or self.path


class DatabaseWarning(Struct, frozen=True):
    """A database, or part of one, that can't be read; the audit goes on without it."""

    path: str
    message: str
    incomplete: bool = True  # packages or paths may be lacking because of it: what looks unowned may be owned


class DatabaseFiles(Struct, frozen=True):
    """The files of an image as the readers of databases see them, and what they may still ask of the machine."""

    tree: FileTree
    budget: Budget

    def find(self, path: str) -> Found:
        """As `FileTree.find`."""
        return self.tree.find(path)

    def lstat(self, path: str) -> Node | None:
        """As `FileTree.lstat`."""
        return self.tree.lstat(path)

    def listdir(self, path: str) -> tuple[str, ...]:
        """As `FileTree.listdir`."""
        return self.tree.listdir(path)


class PackageDatabase(Protocol):
    """One database of one image. Only what it has to know to list its packages is read before `files` is asked."""

    @property
    def path(self) -> str:
        """The file or directory that it is."""

    @property
    def packages(self) -> tuple[Package, ...]:
        """What is installed, sorted, each once."""

    def paths(self, package: Package) -> Iterable[str]:
        """Where each installed file of `package` lies (`OwnedFile.place`): what `files` says, for less work."""

    def files(self, package: Package) -> tuple[OwnedFile, ...]:
        """Every path of `package`, sorted, with all that the database says about it."""

    @property
    def warnings(self) -> tuple[DatabaseWarning, ...]:
        """What could not be read so far."""


class Described(Protocol):
    """What a purl is made of: a package, or what a report keeps of one."""

    @property
    def type(self) -> str:
        """The purl type."""

    @property
    def name(self) -> str:
        """As the package manager knows it."""

    @property
    def version(self) -> str:
        """As the package manager prints it."""

    @property
    def source(self) -> str:
        """The source package, "" where it is not known."""

    @property
    def source_version(self) -> str:
        """Its version, "" where it is not known."""


class DatabaseKind(Protocol):
    """How one package manager keeps its databases, and what its versions mean."""

    @property
    def type(self) -> str:
        """The packages' purl type."""

    @property
    def kept(self) -> Kept:
        """The files of an image that `open` and what it returns ever read."""

    def compare(self, left: str, right: str, /) -> int:
        """Below 0 where the version `left` is older, 0 where they are equal, above 0 where it is newer."""

    def purl_parts(self, package: Described) -> tuple[str, dict[str, str]]:
        """The version and the qualifiers that this type has beside `arch` and `distro`; empty ones are left out."""

    def open(self, files: DatabaseFiles) -> tuple[tuple[PackageDatabase, ...], tuple[DatabaseWarning, ...]]:
        """The databases of this kind, and a warning for each that is there and can't be read.

        Raises nothing but LimitExceeded, where they ask for more than the budget has.
        """
