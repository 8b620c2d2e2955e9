"""What an image is called in a bill of materials: a repository's or a file's name, never a path of the machine."""

from pathlib import PurePosixPath

from auditor.errors import UsageError
from auditor.image.reference import Name, parse_name
from auditor.image.scheme import Scheme, Target

_PATH_STARTS = ("/", "./", "../")


def scheme_of(reference: str) -> Scheme | None:
    """The scheme of a reference by its text alone; None for a bare path."""
    if reference.startswith(_PATH_STARTS) or reference in (".", ".."):
        return None
    return Scheme.of(reference)


def name_of(reference: str) -> Name | None:
    """The image name in a reference to a daemon or registry; None where it is none, or names a file."""
    scheme = scheme_of(reference)
    if scheme is None or scheme.target is not Target.NAME:
        return None
    try:
        return parse_name(reference.removeprefix(f"{scheme.value}:") if scheme.value else reference)
    except UsageError:
        return None


def shown_name(reference: str) -> str:
    """`calico/node` for `registry:calico/node:v3`, `node.tar` for `docker-archive:/builds/node.tar`."""
    scheme = scheme_of(reference)
    if scheme is not None and scheme.target is Target.NAME:
        name = name_of(reference)
        return Name(name.host, name.repository).familiar if name else reference
    path = reference.removeprefix(f"{scheme.value}:") if scheme else reference
    # A file's name may hold a colon, a tag or digest behind it may too: what is lost is only the bill's title.
    return PurePosixPath(path.partition(":")[0].partition("@")[0]).name or path
