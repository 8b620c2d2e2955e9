"""apk's database: the text file `installed` of apk-tools 2 and 3 (apk-installed(5), apk-package(5)).

A paragraph per package, a letter per field: P name, V version, A architecture, o origin, m maintainer, L licence,
U homepage; then, for each directory F, its files R with mode `a` and digest `Z`. Directories are not owned.
"""

import base64
import binascii
from collections.abc import Iterator

from msgspec import Struct

from auditor.budget import Budget
from auditor.kept import Kept
from auditor.packages.model import DatabaseFiles, DatabaseKind, DatabaseWarning, Described, OwnedFile, Package
from auditor.packages.reading import Unreadable, join, read_text
from auditor.packages.versions import apk

# Alpine's place, and the one of Wolfi and of Alpine with a merged /usr.
DIRECTORIES = ("/lib/apk/db", "/usr/lib/apk/db")

# Checksum prefixes of apk-tools' apk_blob: 20 bytes of SHA-1, 32 of SHA-256.
_DIGESTS = {"Q1": ("sha1", 20), "Q2": ("sha256", 32)}
_PROTECTED = "/etc/"  # apk's default list of protected paths (apk(8)): not overwritten where they were changed


class ApkDatabase(Struct, frozen=True):
    """A PackageDatabase of apk's."""

    path: str
    packages: tuple[Package, ...]
    paragraphs: dict[Package, str]
    budget: Budget
    warnings: tuple[DatabaseWarning, ...] = ()

    def paths(self, owner: Package) -> tuple[str, ...]:
        """The package's files; apk knows no owner of a directory."""
        found = tuple(dict.fromkeys(path for path, _ in _files(self.paragraphs[owner])))
        self.budget.package_files.take(len(found), self.path)
        return found

    def files(self, owner: Package) -> tuple[OwnedFile, ...]:
        """Every file and link of the package."""
        found = dict(_files(self.paragraphs[owner]))
        return tuple(
            OwnedFile(path, owner, digest=_digest(found[path]), configuration=path.startswith(_PROTECTED))
            for path in sorted(found)
        )


class ApkKind:
    """The DatabaseKind of Alpine and Wolfi images."""

    type = "apk"
    kept = Kept(files=frozenset(f"{directory}/installed" for directory in DIRECTORIES))
    compare = staticmethod(apk.compare)

    def purl_parts(self, package: Described) -> tuple[str, dict[str, str]]:
        """`upstream` is the origin where it has another name; its version is the package's."""
        return package.version, {"upstream": package.source if package.source != package.name else ""}

    def open(self, files: DatabaseFiles) -> tuple[tuple[ApkDatabase, ...], tuple[DatabaseWarning, ...]]:
        """Read `installed` in each of the directories that is not one already read."""
        warnings: list[DatabaseWarning] = []
        databases: list[ApkDatabase] = []
        seen = set()
        for directory in DIRECTORIES:
            real = files.find(directory).path
            if real not in seen:
                seen.add(real)
                databases += _open(files, directory, warnings)
        return tuple(databases), tuple(warnings)


KIND: DatabaseKind = ApkKind()


def _open(files: DatabaseFiles, directory: str, warnings: list[DatabaseWarning]) -> Iterator[ApkDatabase]:
    path = join(directory, "installed")
    text = read_text(files, path)
    if isinstance(text, Unreadable):
        warnings.append(text.warning("apk's list of packages"))
    if text is None and {"scripts.tar", "triggers"}.intersection(files.listdir(directory)):
        warnings.append(DatabaseWarning(path, "it is gone; apk's scripts and triggers are still there"))
    if not isinstance(text, str):
        return
    paragraphs: dict[Package, str] = {}
    nameless = 0
    broken = []
    for paragraph in text.split("\n\n"):
        fields = _fields(paragraph)
        if not fields:
            continue
        files.budget.packages.take(1, path)
        package = _package(fields)
        if package is None:
            nameless += 1
            continue
        paragraphs[package] = paragraph
        if "f" in fields.get("f", ""):
            broken.append(package.name)
    if nameless:
        warnings.append(DatabaseWarning(path, f"{nameless} of its paragraphs have no name or version"))
    if broken:
        warnings.append(DatabaseWarning(path, f"apk could not install all files of {', '.join(sorted(broken)[:10])}"))
    if paragraphs or not nameless:
        ordered = sorted(paragraphs, key=lambda one: (one.name, one.architecture, one.version))
        yield ApkDatabase(path, tuple(ordered), paragraphs, files.budget)


def _fields(paragraph: str) -> dict[str, str]:
    """The fields of the package itself, up to its first directory."""
    fields: dict[str, str] = {}
    for line in paragraph.split("\n"):
        letter, colon, value = line.partition(":")
        if letter == "F":
            break
        if colon:
            fields.setdefault(letter, value)
    return fields


def _package(fields: dict[str, str]) -> Package | None:
    name, version = fields.get("P", ""), fields.get("V", "")
    if not name or not version:
        return None
    return Package(
        type="apk",
        name=name,
        version=version,
        architecture=fields.get("A", ""),
        upstream_version=apk.upstream(version),
        source=fields.get("o", name),
        source_version=version,
        vendor=fields.get("m", ""),
        licence=fields.get("L", ""),
        homepage=fields.get("U", ""),
    )


def _files(paragraph: str) -> Iterator[tuple[str, str]]:
    """Each file's path and checksum as written; the lines of a file follow its name."""
    directory, path, checksum = "", "", ""
    for line in paragraph.split("\n"):
        letter, _, value = line.partition(":")
        if letter == "F":
            directory = f"/{value}/" if value else "/"
        elif letter == "Z" and path:
            checksum = value
            continue
        elif letter != "R":
            continue
        if path:
            yield path, checksum
        path, checksum = directory + value if letter == "R" else "", ""
    if path:
        yield path, checksum


def _digest(checksum: str) -> str:
    """`Q1` and base64; "" for what is none of the known kinds."""
    algorithm, size = _DIGESTS.get(checksum[:2], ("", 0))
    try:
        digest = base64.b64decode(checksum[2:], validate=True)
    except (binascii.Error, ValueError):
        return ""
    return f"{algorithm}:{digest.hex()}" if algorithm and len(digest) == size else ""
