"""The Docker daemon, through its own SDK: found as the docker command finds it (DOCKER_HOST, contexts, TLS).

The image is saved to an unlinked file and read from there: the daemon can only send it whole.
"""

import contextlib
import http.client
import os
import queue
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from auditor import events
from auditor.budget import exceeded
from auditor.errors import AuditError, ImageNotFound, SourceUnavailable, UsageError
from auditor.image.model import Platform
from auditor.image.platforms import fitness
from auditor.image.reference import Name, Reference, parse_name
from auditor.image.source import docker_endpoint
from auditor.image.source.archive import from_file
from auditor.image.source.docker_archive import from_archive
from auditor.image.source.docker_endpoint import Endpoint
from auditor.image.source.interface import Candidate, Listing, Options, Source, StoredImage

_ANSWER = 10  # seconds for the answers that come before the image itself
_SAVE = 900  # seconds of silence while the daemon packs a large image
_SHORT_ID = re.compile(r"[0-9a-f]{12}")
_Value = TypeVar("_Value")


class Unresponsive(AuditError):
    """A daemon that is there and doesn't answer, though it might have just built the very image that is meant."""


class Denied(SourceUnavailable):
    """A daemon that this user may not ask."""


class OtherPlatform(ImageNotFound):
    """A daemon that has the image for another platform than the one that is meant."""


def open_source(reference: Reference, options: Options) -> Source:
    """The image that the daemon has under the reference's name."""
    name = reference.name
    assert name is not None

    endpoint = docker_endpoint.find(os.environ)
    short = name.familiar.removesuffix(":latest")  # as `docker images` prints an id, perhaps
    names = [name.familiar, short] if _SHORT_ID.fullmatch(short) else [name.familiar]
    return open_daemon(endpoint, names, name, options, scheme="docker", title="the Docker daemon")


def open_daemon(
    endpoint: Endpoint, names: Sequence[str], name: Name, options: Options, *, scheme: str, title: str
) -> Source:
    """The image that a daemon has under the first of `names` that it knows.

    Raises SourceUnavailable where the daemon can't be reached, ImageNotFound.
    """
    import docker.errors  # type: ignore[import-untyped]  # noqa: PLC0415 - a third of a second, only for daemons

    where = f"{scheme}:{name.familiar}"
    answered = False
    try:
        api, inspected = _within(_ANSWER, lambda: _ask(endpoint, names, where, title), where, title, scheme)
        answered = True
        try:
            _check_platform(inspected, options, where, title)
            api.timeout = _SAVE
            source = _save(_sent(api, inspected["Id"], where, title), where, options, scheme)
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
        silent = "timed out" in str(error) or _is_caused_by(error, TimeoutError, http.client.HTTPException)
        if silent and not answered:
            raise Unresponsive(f"{title} does not answer ({_reason(error)})", where, _other(scheme)) from error
        what = f"{title} does not answer ({_reason(error)})"
        if _is_caused_by(error, PermissionError):
            remedy = "run it as a user who may ask the daemon (group docker), or use another source"
            raise Denied(what, where, remedy) from error
        raise SourceUnavailable(what, where, "start it, say where it is, or use another source") from error
    return _Saved(source, _digest(inspected, name))


def _other(scheme: str) -> str:
    return "write docker: or registry:" if scheme == "docker" else "look into its log, or write registry:"


def _ask(endpoint: Endpoint, names: Sequence[str], where: str, title: str) -> tuple[Any, dict[str, Any]]:
    from auditor.image.source.docker_client import connect  # noqa: PLC0415 - a third of a second, only for daemons

    with _understood(where, title):
        api = connect(endpoint, _ANSWER)
    try:
        return api, _inspect(api, names, where, title)
    except BaseException:
        api.close()
        raise


def _within(seconds: float, call: Callable[[], _Value], where: str, title: str, scheme: str) -> _Value:
    """What `call` gives; Unresponsive where it takes longer. It is then left alone, in a thread that ends with us.

    Timeouts of sockets don't do: each is for one read, and a daemon may send a byte now and then.
    """
    outcome: queue.SimpleQueue[tuple[_Value | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=run, name="daemon", daemon=True).start()
    try:
        value, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise Unresponsive(f"{title} does not answer", where, _other(scheme)) from None
    if error is not None:
        raise error
    return cast(_Value, value)


def _is_caused_by(error: BaseException, *kinds: type[BaseException]) -> bool:
    left: list[object] = [error]
    while left:
        item = left.pop()
        if isinstance(item, kinds):
            return True
        if isinstance(item, BaseException):
            left += (item.__cause__, item.__context__, *item.args)
        elif isinstance(item, tuple):
            left += item
    return False


def _inspect(api: Any, names: Sequence[str], where: str, title: str) -> dict[str, Any]:
    import docker.errors  # noqa: PLC0415 - as above

    for name in names:
        try:
            with _understood(where, title):
                found = api.inspect_image(name)
        except docker.errors.ImageNotFound:
            continue
        if isinstance(found, dict) and isinstance(found.get("Id"), str):
            return found
        raise _misunderstood(where, title)
    raise ImageNotFound(f"{title} has no such image", where, "pull it, or use registry:")


@contextlib.contextmanager
def _understood(where: str, title: str) -> Iterator[None]:
    """The SDK takes what it reads for what it should be: where a part is missing or of another kind, Python says so."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _misunderstood(where, title) from error


def _misunderstood(where: str, title: str) -> SourceUnavailable:
    return SourceUnavailable(f"{title} gives an answer that can't be read", where, "is this a container daemon?")


def _check_platform(inspected: dict[str, Any], options: Options, where: str, title: str) -> None:
    """A daemon that keeps one platform of an image may have another than the one asked for."""
    if options.platform is None or inspected.get("Descriptor"):  # containerd's store may hold several
        return
    has = Platform(*(str(inspected.get(key) or "") for key in ("Os", "Architecture", "Variant")))
    if fitness(options.platform, has) is None:
        raise OtherPlatform(f"{title} has it for {has} only, not for {options.platform}", where, "pull that platform")


def _sent(api: Any, image: str, where: str, title: str) -> Iterator[bytes]:
    with _understood(where, title):
        yield from api.get_image(image, chunk_size=1 << 20)


def _save(chunks: Iterable[bytes], where: str, options: Options, scheme: str) -> Source:
    spool = tempfile.TemporaryFile(prefix="audit-image-")  # noqa: SIM115 - the archive closes it
    received = 0
    try:
        for chunk in chunks:
            try:
                spool.write(chunk)
            except OSError as error:
                raise AuditError(
                    f"can't be saved ({error.strerror})", tempfile.gettempdir(), "free some space or set TMPDIR"
                ) from error
            received += len(chunk)
            if received > options.limits.saved:
                raise exceeded("saved", options.limits.saved, where)
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
    digests = inspected.get("RepoDigests")
    for text in digests if isinstance(digests, list) else ():
        try:
            pulled = parse_name(str(text))
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
            replace(candidate, digest=self._digest, read=lambda candidate=candidate: self._read(candidate))
            for candidate in listing.candidates()
        )

    def _read(self, candidate: Candidate) -> StoredImage:
        return replace(candidate.read(), digest=self._digest)
