"""One repository of a registry, by the OCI distribution-spec ("Pull"): manifests whole, blobs as streams."""

import hashlib
import io
import os
import re
from collections.abc import Mapping
from functools import partial
from typing import BinaryIO, cast

from auditor import events
from auditor.errors import CorruptImage, ImageNotFound, LimitExceeded, SourceUnavailable
from auditor.image.document import DIGEST, parse_object
from auditor.image.manifest import INDEX_TYPES, MANIFEST_TYPES, SCHEMA_1_TYPES, Descriptor
from auditor.image.reference import DEFAULT_HOST, TAG, Name
from auditor.image.registry.auth import Authenticator
from auditor.image.registry.credentials import find
from auditor.image.registry.transport import (
    PATIENT,
    Interrupted,
    NotTls,
    Patience,
    Response,
    Transport,
    error_words,
    is_loopback,
    tries,
)
from auditor.image.source.interface import Access

_HUB = "registry-1.docker.io"
_ACCEPT = ", ".join((*MANIFEST_TYPES, *INDEX_TYPES, *SCHEMA_1_TYPES))
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:\d{1,19}|\*)")
_CHUNK = 256 << 10
_NEXT = re.compile(r'<([^<>]*)>\s*;[^<>]*\brel\s*=\s*"?next"?', re.IGNORECASE)
_PAGE = 1000  # tags that are asked for at a time; a registry may give fewer
_PAGES = 10_000
_TAGS = 100_000


class Repository:
    """What can be pulled from one repository. May be used from several threads."""

    def __init__(
        self,
        name: Name,
        access: Access,
        *,
        listener: events.Listener = events.ignore,
        patience: Patience = PATIENT,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.where = f"registry:{name.host}/{name.repository}"
        host = _HUB if name.host == DEFAULT_HOST else name.host
        self._host = host
        self._repository = name.repository
        self._transport = Transport(
            name.host, ca=access.ca, listener=listener, patience=patience, environment=environment
        )
        lookup = partial(find, name.host, name.repository, access.authfile, environment, listener)
        self._auth = Authenticator(self._transport, host, name.repository, lookup, self.where)
        plain_name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
        self._scheme = "http" if access.plain_http else "https"
        self._may_be_plain = is_loopback(plain_name) and access.ca is None

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def manifest(self, reference: str, limit: int) -> tuple[Descriptor, bytes]:
        """The manifest or index of a tag or digest, with the descriptor that its bytes have.

        ImageNotFound; SourceUnavailable; CorruptImage where the registry contradicts itself.
        """
        where = f"{self.where}{'@' if DIGEST.fullmatch(reference) else ':'}{reference}"
        response, data = self._whole(f"manifests/{reference}", {"Accept": _ACCEPT}, limit, where)
        media_type = response.header("Content-Type").partition(";")[0].strip()
        claimed = response.header("Docker-Content-Digest")
        if media_type == "text/html" or data[:1] == b"<":
            raise CorruptImage("a web page came instead of a manifest", where, "is this a registry? check its address")
        algorithm = reference.partition(":")[0] if DIGEST.fullmatch(reference) else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()}"
        if DIGEST.fullmatch(reference) and digest != reference:
            raise CorruptImage(f"a manifest with the digest {digest} came", where, "tell those who run the registry")
        if claimed.startswith(f"{algorithm}:") and claimed != digest:
            raise CorruptImage(
                f"the manifest has the digest {digest}, the registry says {claimed[:80]}", where, "try again"
            )
        known = media_type if media_type in (*INDEX_TYPES, *MANIFEST_TYPES, *SCHEMA_1_TYPES) else ""
        return Descriptor(known, digest, len(data)), data

    def tags(self, limit: int) -> tuple[str, ...]:
        """The name of every tag, page by page (distribution-spec, "Listing Tags"), each page at most `limit` bytes.

        Of a link to the next page only the query counts: it leads to this repository, wherever it points.
        """
        where = f"{self.where}, its tags"
        query = f"n={_PAGE}"
        found: dict[str, None] = {}
        asked: set[str] = set()
        while query not in asked:
            asked.add(query)
            response, data = self._whole(f"tags/list?{query}", {}, limit, where)
            tags = parse_object(data, where, limit).texts("tags")
            for odd in (tag for tag in tags if not TAG.fullmatch(tag)):
                raise CorruptImage(f"lists {odd[:80]!r}, which is no tag", where, "tell those who run the registry")
            found |= dict.fromkeys(tags)
            if len(found) > _TAGS or len(asked) > _PAGES:
                raise LimitExceeded(f"there are more than {_TAGS} tags or {_PAGES} pages", where, "name the images")
            link = _NEXT.search(response.header("Link"))
            if link is None:
                return tuple(found)
            query = link[1].partition("#")[0].partition("?")[2]
        raise CorruptImage("a page of the list leads back to itself", where, "tell those who run the registry")

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A small blob's bytes, not yet checked."""
        where = f"{self.where}, {descriptor.digest}"
        return self._whole(f"blobs/{descriptor.digest}", {}, limit, where)[1]

    def open_blob(self, descriptor: Descriptor) -> BinaryIO:
        """A blob as a stream that mends broken connections; its bytes are not checked here."""
        return cast(BinaryIO, _BlobStream(self, descriptor))

    def _whole(self, path: str, headers: Mapping[str, str], limit: int, where: str) -> tuple[Response, bytes]:
        """An answer and all of its small body, asked for again where it breaks off."""
        number = 0
        while True:
            number += 1
            response = self._get(path, headers, where)
            try:
                data = response.read_all(limit)
            except Interrupted as error:
                response.close()
                if number >= self.patience.tries:
                    raise SourceUnavailable(f"{error} ({tries(number)})", where, "try again") from error
                self.wait(where, str(error), self.patience.delay(number))
                continue
            response.finish()
            if len(data) > limit:
                raise LimitExceeded(f"more than {limit} bytes came", where, "this is no image's manifest or config")
            return response, data

    @property
    def patience(self) -> Patience:
        """How often a broken stream is mended."""
        return self._transport.patience

    def wait(self, where: str, reason: str, delay: float) -> None:
        """Say why, and wait `delay` seconds."""
        self._transport.wait(where, reason, delay)

    def open_at(self, path: str, at: int, where: str) -> Response:
        """A blob from byte `at` on; a server that knows no ranges sends what comes before once more, to be dropped."""
        if not at:
            return self._get(path, {}, where)
        response = self._get(path, {"Range": f"bytes={at}-"}, where)
        if response.status == 206:
            match = _RANGE.fullmatch(response.header("Content-Range"))
            if match is None or int(match[1]) != at:
                response.close()
                raise CorruptImage(
                    "another range than the one asked for came", where, "tell those who run the registry"
                )
            return response
        while at and (data := response.read(min(at, _CHUNK))):
            at -= len(data)
        return response

    def _get(self, path: str, headers: Mapping[str, str], where: str) -> Response:
        """Status 200 or 206, after whatever login the registry wants."""
        response = self._authorized(path, headers, where)
        if response.status in (200, 206):
            return response
        status = response.status
        if status == 416:
            response.finish()
            raise _RangeRefused
        words = error_words(response)
        response.close()
        if status == 404:
            raise ImageNotFound(f"the registry has no such image (404{words})", where, "check the name and tag")
        if status == 403:
            raise SourceUnavailable(
                f"the registry forbids it (403{words})",
                where,
                "log in as a user who may pull it, or give --authfile FILE",
            )
        raise SourceUnavailable(f"the registry answers {status}{words}", where, "check the registry's address")

    def _authorized(self, path: str, headers: Mapping[str, str], where: str) -> Response:
        sent = self._auth.header
        response = self._send(path, headers, sent, where)
        if response.status == 401:
            response = self._send(path, headers, self._auth.renew(response, sent), where)
        if response.status == 401:
            raise self._auth.refuse(response)
        return response

    def _send(self, path: str, headers: Mapping[str, str], authorization: str, where: str) -> Response:
        own = {**headers, "Authorization": authorization} if authorization else headers
        while True:
            url = f"{self._scheme}://{self._host}/v2/{self._repository}/{path}"
            try:
                return self._transport.get(url, own, where=where)
            except NotTls:
                if self._scheme == "http" or not self._may_be_plain:
                    raise SourceUnavailable(
                        "does not speak TLS", where, "use --plain-http if the network is to be trusted"
                    ) from None
                self._scheme = "http"  # this machine's own registry needs no secrecy


class _RangeRefused(Exception):
    """A server that has nothing from there on."""


class _BlobStream(io.RawIOBase):
    """A blob's bytes. Where the connection breaks, the rest is asked for by Range (RFC 9110, 14)."""

    def __init__(self, repository: Repository, descriptor: Descriptor) -> None:
        super().__init__()
        self._repository = repository
        self._descriptor = descriptor
        self._where = f"{repository.where}, {descriptor.digest}"
        self._path = f"blobs/{descriptor.digest}"
        self._at = 0
        self._failures = 0
        self._response: Response | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end of what the registry gives, however long that is."""
        size = _CHUNK if size is None or size < 0 else size
        while True:
            try:
                if self._response is None:
                    self._response = self._repository.open_at(self._path, self._at, self._where)
                data = self._response.read(size)
            except Interrupted as error:
                self._mend(str(error))
                continue
            except _RangeRefused:
                return b""
            if not data and self._descriptor.size is not None and 0 < self._at < self._descriptor.size:
                if not self._mend("the blob ends early"):
                    return b""
                continue
            self._at += len(data)
            if data:
                self._failures = max(0, self._failures - 1) if len(data) == size else self._failures
            else:
                self._response.finish()
            return data

    def _mend(self, reason: str) -> bool:
        """Wait for the next try; False where the tries are used up and an early end is the registry's last word."""
        if self._response is not None:
            self._response.close()
            self._response = None
        self._failures += 1
        patience = self._repository.patience
        if self._failures >= patience.tries:
            if reason == "the blob ends early":
                return False
            raise SourceUnavailable(
                f"{reason} after {self._at} bytes ({tries(self._failures)})", self._where, "try again"
            )
        self._repository.wait(self._where, reason, patience.delay(self._failures))
        return True

    def close(self) -> None:
        """Give the connection up."""
        if self._response is not None:
            self._response.close()
            self._response = None
        super().close()
