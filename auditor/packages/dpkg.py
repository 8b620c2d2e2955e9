"""dpkg's database: /var/lib/dpkg (dpkg(1), FILES), and its per-package shape in distroless images (status.d).

`status` lists the packages (deb822), `info/NAME.list` or `info/NAME:ARCH.list` each one's paths, `info/….md5sums`
the digests of its regular files but conffiles, whose digests are in `status` (deb-md5sums(5), deb-conffiles(5)).
`diversions` says which paths lie elsewhere (dpkg-divert(1)).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from msgspec import Struct

from auditor.kept import Kept
from auditor.packages.deb822 import ABSENT, absolute, conffiles, paragraphs, state
from auditor.packages.model import DatabaseFiles, DatabaseKind, DatabaseWarning, Described, OwnedFile, Package
from auditor.packages.reading import Unreadable, join, read_text
from auditor.packages.versions import deb

ROOT = "/var/lib/dpkg"

_FIELDS = frozenset(
    {"package", "version", "architecture", "status", "source", "maintainer", "homepage", "conffiles", "multi-arch"}
)


class Diversion(Struct, frozen=True):
    """Whatever any package but `by` installs at `source` lies at `target`; `by` is ":" for a local diversion."""

    source: str
    target: str
    by: str


class Entry(Struct, frozen=True):
    """One installed package, and where its file lists are."""

    package: Package
    list_path: str  # "" where there is none
    md5sums_path: str
    conffiles: Mapping[str, str] = MappingProxyType({})  # path to its MD5, or ""


@dataclass
class DpkgDatabase:
    """A PackageDatabase of dpkg's."""

    path: str
    source: DatabaseFiles
    entries: Mapping[Package, Entry]
    diversions: Mapping[str, Diversion]
    _warnings: dict[DatabaseWarning, None] = field(default_factory=dict)

    @cached_property
    def packages(self) -> tuple[Package, ...]:
        """What is installed, sorted."""
        return tuple(sorted(self.entries, key=lambda package: (package.name, package.architecture, package.version)))

    @property
    def warnings(self) -> tuple[DatabaseWarning, ...]:
        """File lists that could not be read."""
        return tuple(self._warnings)

    def paths(self, package: Package) -> tuple[str, ...]:
        """The places of the package's files."""
        listed = self._read_list(self.entries[package])
        self.source.budget.package_files.take(len(listed), self.path)
        if not self.diversions:
            return listed
        return tuple(self._diverted(path, package) or path for path in listed)

    def files(self, package: Package) -> tuple[OwnedFile, ...]:
        """Every path of the package."""
        entry = self.entries[package]
        digests = self._digests(entry.md5sums_path)
        return tuple(
            OwnedFile(
                path=path,
                package=package,
                digest=_digest(entry.conffiles.get(path, "") or digests.get(path, "")),
                configuration=path in entry.conffiles,
                diverted_to=self._diverted(path, package),
            )
            for path in sorted(self._read_list(self.entries[package]))
        )

    def _diverted(self, path: str, package: Package) -> str:
        diversion = self.diversions.get(path)
        return diversion.target if diversion is not None and diversion.by != package.name else ""

    def _read_list(self, entry: Entry) -> tuple[str, ...]:
        if not entry.list_path:  # distroless images before they had lists: the digests are all there is
            return tuple(self._digests(entry.md5sums_path))
        lines = self._lines(entry.list_path)
        return tuple(dict.fromkeys(absolute(line) for line in lines if line and line not in ("/.", "/")))

    def _digests(self, path: str) -> dict[str, str]:
        digests = {}
        for line in self._lines(path) if path else ():
            digest, space, name = line.partition(" ")
            if space and len(digest) == 32:
                digests[absolute(name.lstrip(" *"))] = digest.lower()
        return digests

    def _lines(self, path: str) -> list[str]:
        text = read_text(self.source, path)
        if text is None:
            text = Unreadable(path, "it is gone")
        if isinstance(text, Unreadable):
            self._warnings[text.warning("the package's file list")] = None
            return []
        return text.split("\n")


class DpkgKind:
    """The DatabaseKind of Debian, Ubuntu and distroless images."""

    type = "deb"
    kept = Kept(
        files=frozenset({f"{ROOT}/status", f"{ROOT}/diversions"}),
        below=(f"{ROOT}/status.d/",),
        endings=((f"{ROOT}/info/", (".list", ".md5sums")),),
    )
    compare = staticmethod(deb.compare)

    def purl_parts(self, package: Described) -> tuple[str, dict[str, str]]:
        """`upstream` is the source package, with its version where that is another (as syft writes it)."""
        source, version = package.source, package.source_version
        if source and version and version != package.version:
            return package.version, {"upstream": f"{source}@{version}"}
        return package.version, {"upstream": source if source != package.name else ""}

    def open(self, files: DatabaseFiles) -> tuple[tuple[DpkgDatabase, ...], tuple[DatabaseWarning, ...]]:
        """Read `status` and `status.d`; an image may have both."""
        warnings: list[DatabaseWarning] = []
        info = frozenset(files.listdir(join(ROOT, "info")))
        entries = _read_status(files, info, warnings)
        entries.update(_read_status_directory(files, info, warnings))
        if not entries:
            if not warnings and any(name.endswith(".list") for name in info):
                warnings.append(
                    DatabaseWarning(join(ROOT, "status"), "it is gone or empty; the lists in info are still there")
                )
            return (), tuple(warnings)
        warnings += _state_warnings(files, entries)
        return (DpkgDatabase(ROOT, files, entries, _read_diversions(files, warnings)),), tuple(warnings)


KIND: DatabaseKind = DpkgKind()


def _read_status(files: DatabaseFiles, info: frozenset[str], warnings: list[DatabaseWarning]) -> dict[Package, Entry]:
    path = join(ROOT, "status")
    text = read_text(files, path)
    if isinstance(text, Unreadable):
        warnings.append(text.warning("dpkg's list of packages"))
    if not isinstance(text, str):
        return {}
    entries = {}
    unlisted = []
    broken = 0
    for fields in paragraphs(text, _FIELDS):
        files.budget.packages.take(1, path)
        if state(fields) in ABSENT:
            continue
        package = _package(fields)
        if package is None:
            broken += 1
            continue
        stems = _stems(fields, package)
        entries[package] = Entry(
            package, _info_file(info, stems, ".list"), _info_file(info, stems, ".md5sums"), conffiles(fields)
        )
        if not entries[package].list_path:
            unlisted.append(package.name)
    if broken:
        warnings.append(DatabaseWarning(path, f"{broken} of its paragraphs have no Package or Version"))
    if unlisted:
        warnings.append(DatabaseWarning(join(ROOT, "info"), f"no file list of {_enumerate(unlisted)}"))
    return entries


def _read_status_directory(
    files: DatabaseFiles, info: frozenset[str], warnings: list[DatabaseWarning]
) -> dict[Package, Entry]:
    """Distroless: one control file per package, named as the builder likes, and NAME.md5sums beside it.

    Some builders take the control files apart and leave the lists in `info`.
    """
    directory = join(ROOT, "status.d")
    names = files.listdir(directory)
    beside = frozenset(names)
    entries = {}
    for name in names:
        if name.endswith((".md5sums", ".list")):
            continue
        text = read_text(files, join(directory, name))
        if isinstance(text, Unreadable):
            warnings.append(text.warning("the package's control file"))
        if not isinstance(text, str):
            continue
        for fields in paragraphs(text, _FIELDS):
            files.budget.packages.take(1, directory)
            package = _package(fields)
            if package is None:
                warnings.append(DatabaseWarning(join(directory, name), "it has no Package or Version"))
                continue
            if state(fields) in ABSENT:
                continue
            sums, listed = f"{name}.md5sums", f"{name}.list"
            stems = _stems(fields, package)
            entries[package] = Entry(
                package,
                join(directory, listed) if listed in beside else _info_file(info, stems, ".list"),
                join(directory, sums) if sums in beside else _info_file(info, stems, ".md5sums"),
                conffiles(fields),
            )
    return entries


def _read_diversions(files: DatabaseFiles, warnings: list[DatabaseWarning]) -> dict[str, Diversion]:
    """Triples of lines: the path, where it lies instead, the package that diverts it or ":"."""
    path = join(ROOT, "diversions")
    text = read_text(files, path)
    if isinstance(text, Unreadable):
        warnings.append(text.warning("the list of diversions"))
    if not isinstance(text, str) or not text:
        return {}
    lines = text.removesuffix("\n").split("\n")
    if len(lines) % 3:
        warnings.append(DatabaseWarning(path, "it ends in the middle of a diversion"))
    triples = zip(lines[0::3], lines[1::3], lines[2::3], strict=False)
    return {source: Diversion(source, target, by) for source, target, by in triples}


def _state_warnings(files: DatabaseFiles, entries: Mapping[Package, Entry]) -> list[DatabaseWarning]:
    warnings = []
    unfinished: dict[str, list[str]] = {}
    for package in entries:
        if package.state != "installed":
            unfinished.setdefault(package.state, []).append(package.name)
    for word, names in sorted(unfinished.items()):
        warnings.append(
            DatabaseWarning(
                join(ROOT, "status"),
                f"{word}, not installed: {_enumerate(names)}",
                incomplete=word == "half-installed",
            )
        )
    if files.listdir(join(ROOT, "updates")):
        message = "dpkg was interrupted: what is in here is newer than the list of packages"
        warnings.append(DatabaseWarning(join(ROOT, "updates"), message))
    return warnings


def _package(fields: Mapping[str, str]) -> Package | None:
    name, version = fields.get("package", ""), fields.get("version", "")
    if not name or not version:
        return None
    source, _, source_version = fields.get("source", name).partition(" ")
    return Package(
        type="deb",
        name=name,
        version=version,
        architecture=fields.get("architecture", ""),
        upstream_version=deb.upstream(version),
        source=source,
        source_version=source_version.strip(" ()") or version,
        vendor=fields.get("maintainer", ""),
        homepage=fields.get("homepage", ""),
        state=state(fields),
    )


def _stems(fields: Mapping[str, str], package: Package) -> tuple[str, ...]:
    """How the names of the package's files in `info` may begin, the likeliest first."""
    stems = (f"{package.name}:{package.architecture}", package.name)
    return stems if fields.get("multi-arch", "").lower() == "same" else stems[::-1]


def _info_file(info: frozenset[str], stems: tuple[str, ...], suffix: str) -> str:
    return next((join(f"{ROOT}/info", stem + suffix) for stem in stems if stem + suffix in info), "")


def _digest(md5: str) -> str:
    return f"md5:{md5}" if md5 else ""


def _enumerate(names: list[str], limit: int = 10) -> str:
    shown = ", ".join(sorted(names)[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
