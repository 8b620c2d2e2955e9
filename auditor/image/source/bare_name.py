"""A name without a scheme: the Docker daemon is asked first, then the registry, as people know it from syft.

A daemon that is there and does not answer ends the audit: it may have just built the image that is meant. One that is
not there is passed over in silence, one that this user may not ask with a warning.
"""

from auditor import events
from auditor.errors import AuditError, ImageNotFound, SourceUnavailable
from auditor.image.reference import Reference
from auditor.image.source import docker_daemon
from auditor.image.source.interface import Options, Source


def open_source(reference: Reference, options: Options) -> Source:
    """The first source that has the image; the listener hears why one was passed over."""
    denied = False
    elsewhere: AuditError | None = None
    if options.all_platforms:  # a daemon holds those that it was told to pull, which says nothing of the release
        reason = "a daemon need not hold all platforms"
    else:
        try:
            return docker_daemon.open_source(reference, options)
        except docker_daemon.Denied as error:
            reason, denied = error.what, True
        except (ImageNotFound, SourceUnavailable) as error:
            reason = error.what
            elsewhere = error if isinstance(error, docker_daemon.OtherPlatform) else None
    options.listener(events.SourceTried("docker", reason))
    from auditor.image.source import registry  # noqa: PLC0415 - a client that a daemon's image doesn't need

    try:
        source = registry.open_source(reference, options)
    except (ImageNotFound, SourceUnavailable) as error:
        raise _both(error, reason, elsewhere=elsewhere) from error
    if denied:
        taken = f"{reference.text} of the registry, {source.images()[0].digest}"
        options.listener(events.SourcePassedOver("the Docker daemon", reason, taken))
    return source


def _both(from_registry: AuditError, from_daemon: str, *, elsewhere: AuditError | None) -> AuditError:
    """The cause first, and what the other source said: a daemon that has it for another platform is the cause."""
    if elsewhere is not None:
        also = f"not from the registry: {from_registry.where}: {from_registry.what}"
        return type(elsewhere)(elsewhere.what, elsewhere.where, elsewhere.remedy, (also,))
    also = f"not from the daemon: {from_daemon}"
    return type(from_registry)(from_registry.what, from_registry.where, from_registry.remedy, (also,))
