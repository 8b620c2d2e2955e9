"""The Docker daemon, through its own SDK: found as the docker command finds it (DOCKER_HOST, contexts, TLS).

The image is saved to an unlinked file and read from there: the daemon can only send it whole.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from auditor import events
from auditor.errors import AuditError, ImageNotFound, SourceUnavailable, UsageError
from auditor.image.model import Platform
from auditor.image.platforms import fitness
from auditor.image.reference import Name, Reference, parse_name
from auditor.image.source import docker_endpoint
from auditor.image.source.archive import from_file
from auditor.image.source.docker_archive import from_archive
from auditor.image.source.docker_endpoint import Endpoint
from auditor.image.source.interface import Candidate, Listing, Options, Source, StoredImage

_CONNECT = 60  # seconds for a first answer; a busy machine is slow, an absent daemon is told at once
_SAVE = 900  # seconds of silence while the daemon packs a large image


def open_source(reference: Reference, options: Options) -> Source:
    """The image that the daemon has under the reference's name."""
    name = reference.name
    assert name is not None

    endpoint = docker_endpoint.find(os.environ)
    return open_daemon(endpoint, [name.familiar], name, options, scheme="docker", title="the Docker daemon")


def open_daemon(
    endpoint: Endpoint, names: Sequence[str], name: Name, options: Options, *, scheme: str, title: str
) -> Source:
    """The image that a daemon has under the first of `names` that it knows.

    Raises SourceUnavailable where the daemon can't be reached, ImageNotFound.
    """
    import docker.errors  # type: ignore[import-untyped]  # noqa: PLC0415 - a third of a second, only for daemons

    from auditor.image.source.docker_client import connect  # noqa: PLC0415 - as above

    where = f"{scheme}:{name.familiar}"
    try:
        api = connect(endpoint, _CONNECT)
        try:
            inspected = _inspect(api, names, where, title)
            _check_platform(inspected, options, where, title)
            api.timeout = _SAVE
            source = _save(api, inspected["Id"], where, options, scheme)
        finally:
            api.close()
    except AuditError:
        raise
    except docker.errors.APIError as error:
        words = " ".join(str(error.explanation or error).split())[:200]
        raise SourceUnavailable(
            f"{title} answers: {words}", where, "look into its log, or use another source"
        ) from error
    except Exception as error:  # the SDK lets requests', urllib3's, ssl's and its own kinds through
        if not isinstance(error, docker.errors.DockerException | OSError | ValueError):
            raise
        raise SourceUnavailable(
            f"{title} does not answer ({_reason(error)})", where, "start it, say where it is, or use another source"
        ) from error
    return _Saved(source, _digest(inspected, name))


def _inspect(api: Any, names: Sequence[str], where: str, title: str) -> dict[str, Any]:
    import docker.errors  # noqa: PLC0415 - as above

    for name in names:
        try:
            found = api.inspect_image(name)
        except docker.errors.ImageNotFound:
            continue
        if isinstance(found, dict) and isinstance(found.get("Id"), str):
            return found
        raise SourceUnavailable(f"{title} gives an answer that can't be read", where, "is this a container daemon?")
    raise ImageNotFound(f"{title} has no such image", where, "pull it, or use registry:")


def _check_platform(inspected: dict[str, Any], options: Options, where: str, title: str) -> None:
    """A daemon that keeps one platform of an image may have another than the one asked for."""
    if options.platform is None or inspected.get("Descriptor"):  # containerd's store may hold several
        return
    has = Platform(*(str(inspected.get(key) or "") for key in ("Os", "Architecture", "Variant")))
    if fitness(options.platform, has) is None:
        raise ImageNotFound(f"{title} has it for {has} only, not for {options.platform}", where, "pull that platform")


def _save(api: Any, image: str, where: str, options: Options, scheme: str) -> Source:
    spool = tempfile.TemporaryFile(prefix="audit-image-")  # noqa: SIM115 - the archive closes it
    received = 0
    try:
        for chunk in api.get_image(image, chunk_size=1 << 20):
            try:
                spool.write(chunk)
            except OSError as error:
                raise AuditError(
                    f"can't be saved ({error.strerror})", tempfile.gettempdir(), "free some space or set TMPDIR"
                ) from error
            received += len(chunk)
            options.listener(events.ImageSpooled(scheme, received))
        spool.flush()
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return from_archive(from_file(spool, where, options.budget), options, scheme)


def _digest(inspected: dict[str, Any], name: Name) -> str | None:
    """The digest under which the daemon pulled (or pushed) this repository, if it did so under one only."""
    repository = (name.host, name.repository)
    found = set()
    for text in inspected.get("RepoDigests") or ():
        try:
            pulled = parse_name(text)
        except UsageError:
            continue
        if (pulled.host, pulled.repository) == repository:
            found.add(pulled.digest)
    return found.pop() if len(found) == 1 else None


def _reason(error: BaseException) -> str:
    """The innermost cause, in its own words."""
    words = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return str(cause.strerror)
        words = str(cause) or words
        cause = cause.__cause__ or cause.__context__
    for argument in (item for item in getattr(error, "args", ()) if isinstance(item, tuple)):
        for inner in argument:
            if isinstance(inner, OSError) and inner.strerror:
                return str(inner.strerror)
    return " ".join((words or type(error).__name__).split())[:200]


class _Saved:
    """A saved image under the digest that the daemon knows it by: a manifest made while saving says nothing."""

    def __init__(self, source: Source, digest: str | None) -> None:
        self._source = source
        self._digest = digest
        self.name = source.name

    def images(self) -> tuple[Listing, ...]:
        """The image."""
        return tuple(
            Listing(listing.names, self._digest, lambda listing=listing: self._candidates(listing), listing.absent)  # type: ignore[misc]
            for listing in self._source.images()[:1]
        )

    def close(self) -> None:
        """Give the disk back."""
        self._source.close()

    def _candidates(self, listing: Listing) -> tuple[Candidate, ...]:
        return tuple(
            replace(candidate, digest=self._digest, read=lambda candidate=candidate: self._read(candidate))  # type: ignore[misc]
            for candidate in listing.candidates()
        )

    def _read(self, candidate: Candidate) -> StoredImage:
        return replace(candidate.read(), digest=self._digest)
