"""HTTP to one registry and wherever it sends us: proxies, certificates, redirects, and patience.

urllib3 does the protocol. What is repeated, how long is waited and what is sent where is decided here: failures of
the network, 429 and 5xx are tried again, by `Retry-After` where the server says it; credentials never follow a
redirect to another host, and no redirect leads from HTTPS to HTTP.
"""

import errno
import ipaddress
import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import urllib3
from msgspec import Struct
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
    TimeoutError,
)

from auditor import events
from auditor.errors import SourceUnavailable, UsageError
from auditor.image.registry.conversation import STEADY, Pace, TooSlow, pools

_REDIRECTS = 8
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_BODY = 2000  # bytes of an error's body that are looked at
_CERTIFICATES = ("/etc/docker/certs.d", "/etc/containers/certs.d")


class Patience(Struct, frozen=True):
    """How often and after how many seconds a request is made again, and how long one answer may take.

    `waits` seconds are waited in all before one request is given up; so long may a `Retry-After` be.
    """

    tries: int = 5
    first: float = 0.5
    longest: float = 30.0
    waits: float = 60.0
    pace: Pace = STEADY

    def delay(self, number: int) -> float:
        """Seconds before try `number` (from 1): doubled each time, and up to a half more, so that clients spread."""
        return min(self.first * 2.0 ** (number - 1) * (1 + random.random() / 2), self.longest)  # noqa: S311 - no secret


PATIENT = Patience()


def tries(number: int) -> str:
    """So many, in words."""
    return f"{number} tr{'y' if number == 1 else 'ies'}"


class NotTls(Exception):
    """The server does not speak TLS."""


class Interrupted(Exception):
    """An answer's body ended early; it may be asked for again from where it ended."""


class Response:
    """An answer whose body is read by its user."""

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str, where: str) -> None:
        self._raw = raw
        self._where = where
        self.status = raw.status
        self.url = url

    def header(self, name: str) -> str:
        """A header's value, "" where there is none."""
        return self._raw.headers.get(name, "")

    def read(self, length: int) -> bytes:
        """Up to `length` bytes of the body, empty at its end; Interrupted where the connection broke."""
        try:
            return self._raw.read(length, decode_content=False)
        except TooSlow as error:
            raise _too_slow(error, self._where) from error
        except (HTTPError, OSError) as error:
            raise Interrupted(_reason(error)) from error

    def read_all(self, limit: int) -> bytes:
        """The body, up to `limit` bytes and one more."""
        parts = []
        left = limit + 1
        while left and (data := self.read(min(left, 1 << 16))):
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def close(self) -> None:
        """Give the connection up; what of the body has not been read is lost."""
        self._raw.close()
        self._raw.release_conn()

    def finish(self) -> None:
        """Give the connection back for the next request; a long rest of the body is not waited for."""
        try:
            if len(self._raw.read(_BODY, decode_content=False)) == _BODY:
                self._raw.close()
        except (HTTPError, OSError, TooSlow):
            self._raw.close()
        self._raw.release_conn()


class Transport:
    """Makes requests for one registry. May be used from several threads."""

    def __init__(
        self,
        host: str,
        *,
        ca: Path | None = None,
        listener: events.Listener = events.ignore,
        patience: Patience = PATIENT,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._host = host
        self._ca = ca
        self._listener = listener
        self.patience = patience
        self._environment = environment
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()

    def get(self, url: str, headers: Mapping[str, str], *, where: str) -> Response:
        """An answer of any status but those that are worth another try, and no redirect.

        SourceUnavailable, named `where`, when the tries are used up; NotTls.
        """
        return self.persist(lambda: self._follow(url, dict(headers), where), where)

    def post(self, url: str, fields: Mapping[str, str], *, where: str) -> Response:
        """As `get`, for a form."""
        return self.persist(lambda: self._once("POST", url, {}, where, dict(fields)), where)

    def persist(self, attempt: Callable[[], Response], where: str) -> Response:
        """Make a request until it is answered or the tries are used up."""
        number = 0
        waited = 0.0
        start = time.monotonic()
        while True:
            number += 1
            last = number >= self.patience.tries or time.monotonic() - start > 2 * self.patience.pace.total
            try:
                response = attempt()
            except _Passing as error:
                if last or (error.nobody_there and number > 1):
                    raise SourceUnavailable(f"{error} ({tries(number)})", where, _remedy(error)) from error
                reason, delay = str(error), self.patience.delay(number)
            else:
                if response.status not in _AGAIN:
                    return response
                reason = f"the registry answers {response.status}"
                wait = _retry_after(response.header("Retry-After"))
                words = error_words(response)
                response.close()
                too_long = waited + wait > self.patience.waits
                if last or too_long:
                    asked = f", and asks to wait {wait:.0f} s" if too_long else ""
                    raise SourceUnavailable(f"{reason}{words}{asked} ({tries(number)})", where, "try again later")
                delay = max(wait, self.patience.delay(number))
            self.wait(where, reason, delay)
            waited += delay

    def wait(self, where: str, reason: str, delay: float) -> None:
        """Say why, and wait."""
        self._listener(events.Retried(where, reason, delay))
        time.sleep(delay)

    def _follow(self, url: str, headers: dict[str, str], where: str) -> Response:
        for _ in range(_REDIRECTS):
            response = self._once("GET", url, headers, where)
            if response.status not in (301, 302, 303, 307, 308):
                return response
            response.finish()
            new = web_address(response.header("Location"), url)
            if new is None or (target := new.geturl()) == url:
                raise SourceUnavailable("redirects to nowhere", where, "tell those who run the registry")
            old = urlsplit(url)
            if old.scheme == "https" and new.scheme != "https":
                raise SourceUnavailable(
                    "redirects from HTTPS to HTTP, which is not followed", where, "tell those who run the registry"
                )
            if (old.scheme, old.netloc) != (new.scheme, new.netloc):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise SourceUnavailable(
            f"redirects more than {_REDIRECTS} times", where, "check the registry's address; tell those who run it"
        )

    def _once(
        self, method: str, url: str, headers: dict[str, str], where: str, fields: dict[str, str] | None = None
    ) -> Response:
        body = None if fields is None else urlencode(fields)
        if body is not None:
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            raw = self._pool(url).request(
                method,
                url,
                body=body,
                headers={"User-Agent": "audit-image", "Accept-Encoding": "identity", **headers},
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=self.patience.pace.connect, read=self.patience.pace.silence),
            )
        except TooSlow as error:
            raise _too_slow(error, where) from error
        except SSLError as error:
            raise self._tls_trouble(error, where) from error
        except (LocationValueError, UnicodeError) as error:
            raise SourceUnavailable(f"has no usable address ({error})", where, "check the name") from error
        except (HTTPError, OSError) as error:
            raise _Passing(error) from error
        return Response(raw, url, where)

    def _tls_trouble(self, error: SSLError, where: str) -> Exception:
        words = str(error)
        if any(
            sign in words
            for sign in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "record layer failure", "HTTP_REQUEST")
        ):
            return NotTls()
        if "CERTIFICATE_VERIFY_FAILED" in words:
            reason = words.partition("CERTIFICATE_VERIFY_FAILED]")[2].partition("(_ssl")[0].strip(" :") or words
            return SourceUnavailable(
                f"its certificate is not trusted ({reason})", where, "name the registry's CA with --ca FILE"
            )
        if "EOF" in words or "closed" in words.lower():
            return _Passing(error)
        return SourceUnavailable(f"TLS fails ({words[:200]})", where, "check the registry's certificate and --ca")

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = self._proxy(parts.scheme, parts.hostname or "")
        key = proxy or ""
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                secure = parts.scheme == "https" or proxy.startswith("https:")
                context = self._context if secure else None
                pool = self._pools[key] = _manager(proxy, context)
                pool.pool_classes_by_scheme = dict(pools(self.patience.pace))
            elif parts.scheme == "https" and "ssl_context" not in pool.connection_pool_kw:
                pool.connection_pool_kw["ssl_context"] = self._context
            return pool

    def _proxy(self, scheme: str, host: str) -> str:
        """The proxy that the environment names for a host; none for this machine itself, as in Go's net/http."""
        if is_loopback(host):
            return ""
        name = f"{scheme}_proxy"
        proxy = self._environment.get(name) or self._environment.get(name.upper(), "")
        if not proxy or _excepted(host, self._environment.get("no_proxy") or self._environment.get("NO_PROXY", "")):
            return ""
        return proxy if "://" in proxy else f"http://{proxy}"

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """The system's authorities, those of `--ca`, and those that Docker and podman are told of for this host."""
        context = ssl.create_default_context()
        try:
            if self._ca is not None:
                context.load_verify_locations(self._ca)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"holds no certificates that can be read ({error})", str(self._ca), "name a PEM file"
            ) from error
        home = self._environment.get("HOME")
        places = [*_CERTIFICATES, *([f"{home}/.config/containers/certs.d"] if home else [])]
        for place in places:
            _load_directory(context, Path(place) / self._host)
        return context


class _Passing(Exception):
    """A failure that may pass."""

    def __init__(self, error: Exception) -> None:
        super().__init__(_reason(error))
        self.error = error
        self.nobody_there = isinstance(error, NewConnectionError | ConnectTimeoutError)  # seldom mended by waiting


def _too_slow(error: TooSlow, where: str) -> SourceUnavailable:
    return SourceUnavailable(str(error), where, "try again later, or tell those who run the registry")


def _remedy(error: _Passing) -> str:
    if isinstance(error.error, ProxyError):
        return "check the proxy that the environment names"
    if isinstance(error.error, NameResolutionError):
        return "check the registry's name"
    return "check the registry's address and the network"


def _reason(error: Exception) -> str:
    """What happened, in a few words and without addresses of ours."""
    if isinstance(error, NameResolutionError):
        return "the name of its host is not known"
    if isinstance(error, ProxyError):
        return "the proxy does not answer"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, NewConnectionError):
        return "can't be reached"
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, ProtocolError):
        return "the connection broke"
    return "the request failed"


def _manager(proxy: str, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    options: dict[str, ssl.SSLContext] = {} if context is None else {"ssl_context": context}
    if not proxy:
        return urllib3.PoolManager(maxsize=8, **options)  # type: ignore[arg-type]
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"the proxy {parts.scheme}://… is of a kind that is not supported", remedy="name an HTTP proxy"
        )
    headers = None
    if parts.username is not None:
        headers = urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}")
        proxy = proxy.replace(parts.netloc, parts.netloc.rpartition("@")[2])
    return urllib3.ProxyManager(proxy, maxsize=8, proxy_headers=headers, **options)  # type: ignore[arg-type]


def _excepted(host: str, exceptions: str) -> bool:
    """Whether NO_PROXY names the host: a name with all below it, an address, or a network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for item in exceptions.replace(" ", ",").split(","):
        name = item.strip().lower().removeprefix("*").lstrip(".").partition(":")[0] if "::" not in item else item
        if item.strip() == "*" or (name and (host.lower() == name or host.lower().endswith(f".{name}"))):
            return True
        if address is not None and "/" in item:
            try:
                if address in ipaddress.ip_network(item.strip(), strict=False):
                    return True
            except ValueError:
                continue
    return False


def web_address(text: str, base: str = "") -> SplitResult | None:
    """The parts of an address that a server named, read from `base`; None where it is none of http or https."""
    try:
        parts = urlsplit(urljoin(base, text))
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets without an address in them, a port that is no number
        return None
    return parts if named and parts.scheme in ("http", "https") else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _load_directory(context: ssl.SSLContext, directory: Path) -> None:
    """`*.crt` are authorities, `NAME.cert` with `NAME.key` our own certificate (containers-certs.d(5))."""
    try:
        names = sorted(directory.iterdir())
    except OSError:
        return
    try:
        for path in names:
            if path.suffix == ".crt":
                context.load_verify_locations(path)
            elif path.suffix == ".cert":
                context.load_cert_chain(path, path.with_suffix(".key"))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"a certificate can't be read ({error})", str(directory), "mend or remove it") from error


def _retry_after(value: str) -> float:
    """Seconds (RFC 9110, 10.2.3: a number or a date); 0 where the server says nothing."""
    if value.isascii() and value.isdigit():
        return float(min(int(value[:12]), 1 << 30))
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def error_words(response: Response) -> str:
    """What the registry says of an error (distribution-spec, "Error Codes"): `: CODE message`, or nothing."""
    import json  # noqa: PLC0415 - only where something went wrong

    try:
        error = json.loads(response.read_all(_BODY))["errors"][0]
        words = f"{error.get('code', '')} {error.get('message', '')}".strip()
    except (Interrupted, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return f": {printable[:200]}" if words else ""
