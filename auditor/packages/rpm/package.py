"""What one RPM header says of its package and its files."""

from collections.abc import Iterator
from itertools import chain, repeat

from auditor.archive.rpmheader import Header, HeaderError, Tag
from auditor.packages.model import OwnedFile, Package
from auditor.packages.versions.rpm import upstream

# rpmfiles.h: states that count as installed (normal, and on a shared disk), and flags of files that may be absent.
_INSTALLED = frozenset({0, 3})
_CONFIG, _MISSING_OK, _GHOST = 1 << 0, 1 << 3, 1 << 6
# rpmvf.h: what `rpm -V` compares of a file unless its packager says otherwise (`%verify`).
_DIGEST, _LINK_TARGET, _ALL = 1 << 0, 1 << 2, 0xFFFFFFFF
# RFC 9580, 9.5, which FILEDIGESTALGO follows.
_ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}


def package(header: Header) -> Package:
    """The package, its version as `rpm -q --qf %{EVR}` prints it. Raises HeaderError on one without a name."""
    name, version, release = (header.text(tag) for tag in (Tag.NAME, Tag.VERSION, Tag.RELEASE))
    if not name or not version:
        raise HeaderError("no name or version")
    epoch = "".join(f"{number}:" for number in header.numbers(Tag.EPOCH)[:1])
    source, source_version = source_of(header.text(Tag.SOURCERPM))
    return Package(
        type="rpm",
        name=name,
        version=f"{epoch}{version}-{release}" if release else epoch + version,
        architecture=header.text(Tag.ARCH),
        upstream_version=upstream(version),
        source=source,
        source_version=source_version,
        vendor=header.text(Tag.VENDOR),
        licence=header.text(Tag.LICENSE),
        homepage=header.text(Tag.URL),
    )


def paths(header: Header, *, only_installed: bool) -> Iterator[str]:
    """The package's paths, in its own order; with `only_installed` those that `rpm -qf` would give to it."""
    names = _names(header)
    if not only_installed:
        return names
    states = chain(header.numbers(Tag.FILESTATES), repeat(0))
    return (name for name, state in zip(names, states, strict=False) if state in _INSTALLED)


def files(header: Header, owner: Package) -> Iterator[OwnedFile]:
    """Every file of the package. A list that is too short for its files leaves the rest without that attribute."""
    algorithm = _ALGORITHMS.get((header.numbers(Tag.FILEDIGESTALGO) or (1,))[0], "")
    columns = zip(
        _names(header),
        chain(header.texts(Tag.FILEDIGESTS), repeat("")),
        chain(header.numbers(Tag.FILEMODES), repeat(None)),
        chain(header.texts(Tag.FILELINKTOS), repeat("")),
        chain(header.numbers(Tag.FILEFLAGS), repeat(0)),
        chain(header.numbers(Tag.FILESTATES), repeat(0)),
        chain(header.numbers(Tag.FILEVERIFYFLAGS), repeat(_ALL)),
        strict=False,
    )
    for path, digest, mode, target, flags, state, verified in columns:
        yield OwnedFile(
            path=path,
            package=owner,
            digest=f"{algorithm}:{digest.lower()}" if digest and algorithm else "",
            mode=mode,
            target=target,
            configuration=bool(flags & _CONFIG),
            exempt=bool(flags & _GHOST) or not verified & (_LINK_TARGET if target else _DIGEST),
            optional=bool(flags & (_MISSING_OK | _GHOST)) or state not in _INSTALLED,
        )


def _names(header: Header) -> Iterator[str]:
    basenames = header.texts(Tag.BASENAMES)
    if not basenames:
        yield from header.texts(Tag.OLDFILENAMES)
        return
    directories = header.texts(Tag.DIRNAMES)
    for name, index in zip(basenames, header.numbers(Tag.DIRINDEXES), strict=False):
        if index < len(directories):
            yield directories[index] + name


def source_of(file_name: str) -> tuple[str, str]:
    """A source package's name and version: `iproute-6.2.0-5.el9.src.rpm` is iproute, 6.2.0-5.el9.

    Both are empty where it is no file of one, as `(none)` of imported keys.
    """
    stem = file_name.removesuffix(".rpm")
    if stem == file_name or not stem.endswith((".src", ".nosrc")):
        return "", ""
    parts = stem.rpartition(".")[0].rsplit("-", 2)
    return (parts[0], f"{parts[1]}-{parts[2]}") if len(parts) == 3 else ("", "")
