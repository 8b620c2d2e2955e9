"""An OCI layout in a tar file, as `skopeo copy … oci-archive:` and `docker buildx build -o type=oci` write it."""

from auditor.errors import UnsupportedFormat
from auditor.image.reference import Reference
from auditor.image.source.archive import open_archive
from auditor.image.source.interface import Options, Source
from auditor.image.source.layout import Layout


def open_source(reference: Reference, options: Options) -> Source:
    """The archive that the reference names."""
    assert reference.path is not None
    archive = open_archive(reference.path, str(reference.path), options.budget)
    if not archive.has("index.json"):
        docker = archive.has("manifest.json")
        archive.close()
        raise UnsupportedFormat(
            "has no index.json, so it is no OCI archive",
            archive.where,
            "use docker-archive:" if docker else "write it with skopeo copy … oci-archive:FILE",
        )
    return Layout(archive, options.limits, "oci-archive")
