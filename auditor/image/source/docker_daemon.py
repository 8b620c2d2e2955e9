"""The Docker daemon, through its own SDK: the image is saved to an unlinked file and read from there."""

import tempfile
from typing import Any

from auditor import events
from auditor.errors import AuditError, ImageNotFound, SourceUnavailable
from auditor.image.reference import Name, Reference
from auditor.image.source.archive import from_file
from auditor.image.source.docker_archive import from_archive
from auditor.image.source.interface import Options, Source


def open_source(reference: Reference, options: Options) -> Source:
    """The image that the daemon has under the reference's name."""
    import docker  # type: ignore[import-untyped] # noqa: PLC0415 - a third of a second that only this source costs
    import docker.errors  # type: ignore[import-untyped] # noqa: PLC0415

    assert reference.name is not None
    where = f"docker:{reference.name.familiar}"
    try:
        client = docker.from_env(timeout=60)
    except docker.errors.DockerException as error:
        raise _unreachable(error) from error
    try:
        return _save(client.api, reference.name, where, options)
    except docker.errors.ImageNotFound as error:
        raise ImageNotFound("the Docker daemon has no such image", where, "pull it, or use registry:") from error
    except (docker.errors.DockerException, OSError) as error:
        raise _unreachable(error) from error
    finally:
        client.close()


def _unreachable(error: Exception) -> SourceUnavailable:
    return SourceUnavailable(
        f"the Docker daemon does not answer ({error})", "docker", "start it, set DOCKER_HOST, or use another source"
    )


def _save(api: Any, name: Name, where: str, options: Options) -> Source:
    inspected = api.inspect_image(name.familiar)
    spool = tempfile.TemporaryFile(prefix="audit-image-")  # noqa: SIM115 - the archive closes it
    received = 0
    try:
        for chunk in api.get_image(inspected["Id"], chunk_size=1 << 20):
            spool.write(chunk)
            received += len(chunk)
            options.listener(events.ImageSpooled("docker", received))
        spool.flush()
        spool.seek(0)
    except OSError as error:
        spool.close()
        if error.errno is None:
            raise
        raise AuditError(f"can't be saved ({error.strerror})", where, "free some space or set TMPDIR") from error
    except BaseException:
        spool.close()
        raise
    return from_archive(from_file(spool, where, options.limits), options, "docker")
