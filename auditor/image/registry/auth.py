"""From a registry's challenge to an Authorization header.

Rules: distribution's token specification (docs/spec/auth/token and oauth); RFC 7235 for the challenge.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlencode, urlsplit

from auditor.errors import CorruptImage, SourceUnavailable
from auditor.image.registry.credentials import Credentials, Lookup
from auditor.image.registry.transport import (
    Interrupted,
    NotTls,
    Response,
    Transport,
    error_words,
    is_loopback,
    web_address,
)

_LIMIT = 1 << 20
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"[\w-]+")
_LOGIN = "log in with docker login or podman login, or give --authfile FILE"


def challenges(header: str) -> Mapping[str, Mapping[str, str]]:
    """The challenges of a WWW-Authenticate header, by scheme in lower case."""
    found: dict[str, dict[str, str]] = {}
    scheme = ""
    at = 0
    while at < len(header):
        if match := _PARAMETER.match(header, at):
            value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
            found.setdefault(scheme, {})[match[1].lower()] = value
        elif match := _SCHEME.match(header, at):
            scheme = match[0].lower()
            found.setdefault(scheme, {})
        at = match.end() if match else at + 1
    return found


class Authenticator:
    """Holds one repository's Authorization header, and gets a new one when the registry wants it.

    `lookup` finds the user's credentials; it is called at most once, and only when the registry asks. They are for
    `host` (with its port): nobody else's challenge is answered, whoever the registry redirects to.
    """

    def __init__(
        self, transport: Transport, host: str, repository: str, lookup: Callable[[], Lookup], where: str
    ) -> None:
        self._transport = transport
        self._host = host
        self._repository = repository
        self._find = lookup
        self._where = where
        self._found: Lookup | None = None
        self._lock = threading.Lock()
        self.header = ""

    def renew(self, response: Response, refused: str) -> str:
        """Answer the challenge of a 401; `refused` is the header that was sent with the request ("" for none).

        SourceUnavailable where no credentials are at hand, or they don't do.
        """
        asked = urlsplit(response.url)
        offered = challenges(response.header("WWW-Authenticate"))
        words = error_words(response)
        response.finish()
        if asked.netloc != self._host:
            raise self._elsewhere(response, words)
        with self._lock:
            if self.header and self.header != refused:
                return self.header  # another thread has just got a new one
            if "bearer" in offered:
                header = self._token(offered["bearer"], asked)
            elif "basic" in offered:
                header = self._basic(words)
                if header == refused:
                    raise self._refused(f"{self._refuses_these()} (401{words})")
            else:
                raise self._refused(f"refuses access (401{words})")
            self.header = header
            return header

    def refuse(self, response: Response) -> SourceUnavailable:
        """The error that a header which was just made is refused too."""
        words = error_words(response)
        response.close()
        if urlsplit(response.url).netloc != self._host:
            return self._elsewhere(response, words)
        what = "refuses access" if self._lookup().credentials is None else self._refuses_these()
        return self._refused(f"{what} (401{words})")

    def _elsewhere(self, response: Response, words: str) -> SourceUnavailable:
        host = urlsplit(response.url).hostname
        return SourceUnavailable(
            f"redirects to {host}, which asks for a login of its own (401{words}); none is sent there",
            self._where,
            "name that registry itself, or tell those who run this one",
        )

    def _lookup(self) -> Lookup:
        if self._found is None:
            self._found = self._find()
        return self._found

    def _refuses_these(self) -> str:
        return f"refuses these credentials, which {self._lookup().origin} gave"

    def _refused(self, what: str) -> SourceUnavailable:
        note = self._lookup().note
        return SourceUnavailable(f"{what}{f' ({note})' if note else ''}", self._where, _LOGIN)

    def _basic(self, words: str) -> str:
        credentials = self._lookup().credentials
        if credentials is None or not credentials.username:
            raise self._refused(f"wants a user name and password (401{words})")
        return credentials.basic

    def _token(self, challenge: Mapping[str, str], asked: SplitResult) -> str:
        realm = challenge.get("realm", "")
        parts = web_address(realm)
        if parts is None:
            raise SourceUnavailable("asks for a token without saying where", self._where, "is this a registry?")
        credentials = self._lookup().credentials
        if credentials is not None and not _may_know(parts, asked):
            raise SourceUnavailable(
                f"wants the password sent to {parts.hostname} without TLS, which is not done",
                self._where,
                "tell those who run the registry",
            )
        query = {"service": challenge["service"]} if challenge.get("service") else {}
        query["scope"] = challenge.get("scope") or f"repository:{self._repository}:pull"
        where = f"{self._where}, token server {parts.hostname}"
        try:
            response = self._ask(realm, query, credentials, where)
        except NotTls:
            raise SourceUnavailable("does not speak TLS", where, "tell those who run the registry") from None
        if response.status in (401, 403):
            words = error_words(response)
            response.close()
            what = self._refuses_these() if credentials is not None else "refuses access"
            raise self._refused(f"{what} ({response.status}{words})")
        return f"Bearer {self._parse(response, where)}"

    def _ask(self, realm: str, query: dict[str, str], credentials: Credentials | None, where: str) -> Response:
        if credentials is not None and credentials.identity_token:
            form = {
                **query,
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "audit-image",
            }
            return self._transport.post(realm, form, where=where)
        headers = {} if credentials is None else {"Authorization": credentials.basic}
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        return self._transport.get(url, headers, where=where)

    def _parse(self, response: Response, where: str) -> str:
        try:
            data = response.read_all(_LIMIT)
        except Interrupted as error:
            raise SourceUnavailable(f"the token did not arrive ({error})", where, "try again") from error
        finally:
            response.finish()
        if response.status != 200:
            raise SourceUnavailable(f"answers {response.status}", where, "try again later")
        try:
            answer = json.loads(data)
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise CorruptImage("sent no token", where, "is this a token server?")
        return token


def _may_know(realm: SplitResult, registry: SplitResult) -> bool:
    """Whether a token server may be told the password: over TLS, or in the clear where the registry is spoken to so.

    In the clear the password stays on the way that the user chose: the registry's own host, or this machine.
    """
    if realm.scheme == "https":
        return True
    there, here = realm.hostname or "", registry.hostname or ""
    return registry.scheme == "http" and (there == here or (is_loopback(there) and is_loopback(here)))
