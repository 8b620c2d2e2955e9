"""Which package owns what, in the words of the inventory."""

from auditor.filetree import FileTree
from auditor.inventory.model import UNOWNED, InstalledPackage
from auditor.packages import OwnedFile, Packages, Verdict, verify


class Owners:
    """The owners of paths in one image."""

    def __init__(self, tree: FileTree, packages: Packages) -> None:
        self._tree = tree
        self._packages = packages
        self._known: dict[str, OwnedFile | None] = {}

    def record(self, path: str) -> OwnedFile | None:
        """The owning package's record of a real path."""
        if path not in self._known:
            self._known[path] = self._packages.owner(path)
        return self._known[path]

    def label(self, path: str) -> str | None:
        """The owning package's name, `unowned`, or None where no database, or only part of one, could be asked."""
        record = self.record(path)
        if record:
            return record.package.name
        return UNOWNED if self._packages.complete else None

    def verdict(self, path: str) -> Verdict:
        """Whether the file at a real path is still what its package put there."""
        record, node = self.record(path), self._tree.lstat(path)
        return verify(record, node) if record and node else Verdict.UNKNOWN

    def vouches(self, path: str) -> bool | None:
        """The same as a three-valued answer: None where nothing can be told."""
        verdict = self.verdict(path)
        return None if verdict is Verdict.UNKNOWN else verdict is Verdict.SAME

    def installed(self) -> tuple[InstalledPackage, ...]:
        """Every installed package."""
        return tuple(
            InstalledPackage(
                type=package.type,
                name=package.name,
                version=package.version,
                architecture=package.architecture,
                upstream_version=package.upstream_version,
                source=package.source,
                source_version=package.source_version,
                vendor=package.vendor,
                licence=package.licence,
                homepage=package.homepage,
            )
            for package in self._packages.packages
        )
