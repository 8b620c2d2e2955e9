"""What is at a path: by content, never by its name's ending."""

from pathlib import Path

from auditor.budget import Budget
from auditor.errors import ImageNotFound, SourceUnavailable, UnsupportedFormat
from auditor.files import refuse_named_pipe
from auditor.image.scheme import Scheme
from auditor.image.source.archive import open_archive

_REMEDY = "name an image archive, an OCI layout, a root file system or a saved report"


def kind(path: Path, where: str) -> Scheme:
    """The scheme that takes what is at `path`; UnsupportedFormat where none does."""
    try:
        if path.is_dir():
            if (path / "oci-layout").is_file() and (path / "index.json").is_file():
                return Scheme.OCI_DIR
            if (path / "version").is_file() and (path / "manifest.json").is_file() and not (path / "etc").exists():
                raise UnsupportedFormat(
                    "a directory that skopeo wrote with dir:", where, "write it with skopeo copy … oci:PATH"
                )
            return Scheme.DIR
        refuse_named_pipe(path, where)
        with path.open("rb") as file:
            first = file.read(512)
    except FileNotFoundError:
        raise ImageNotFound("no such file or directory", where, "check the path") from None
    except OSError as error:
        raise SourceUnavailable(f"can't be read ({error.strerror})", where, "check its permissions") from error
    if first.lstrip()[:1] == b"{":
        return Scheme.REPORT
    if not first:
        raise UnsupportedFormat("is empty", where, _REMEDY)
    archive = open_archive(path, where, Budget())
    try:
        if archive.has("manifest.json"):
            return Scheme.DOCKER_ARCHIVE
        if archive.has("oci-layout") or archive.has("index.json"):
            return Scheme.OCI_ARCHIVE
    finally:
        archive.close()
    raise UnsupportedFormat("is a tar, but no image archive (neither manifest.json nor index.json)", where, _REMEDY)
