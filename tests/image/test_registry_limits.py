"""What is decided of a registry's answers, said of single answers: how often, how long, how much, and to whom.

`test_registry.py` pulls whole images; here each number is at its limit, and one past it.
"""

import datetime
import random
import socket
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import urllib3
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError, ProxyError, SSLError

from auditor import events
from auditor.errors import AuditError, CorruptImage, ImageNotFound, LimitExceeded, SourceUnavailable, UsageError
from auditor.image.manifest import Descriptor
from auditor.image.reference import Name
from auditor.image.registry import client, transport
from auditor.image.registry.client import Repository
from auditor.image.registry.conversation import Pace, TooSlow, _Paced
from auditor.image.registry.transport import Interrupted, NotTls, Patience, Response, Transport
from auditor.image.source.interface import Access
from tests.image.build import encode

WHERE = "registry:r.example/app"


@dataclass(frozen=True)
class Body:
    """An answer: `pieces` of its body come one by one, and an error where one is raised."""

    status: int
    pieces: tuple[bytes | Exception, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class Coming:
    """An answer that is read."""

    def __init__(self, body: Body) -> None:
        self.status, self.headers = body.status, body.headers
        self.left = [*body.pieces]
        self.closed = self.released = False

    def read(self, length: int, **_: object) -> bytes:
        if not self.left:
            return b""
        piece = self.left.pop(0)
        if isinstance(piece, Exception):
            raise piece
        self.left[:0] = [piece[length:]] if piece[length:] else []
        return piece[:length]

    def close(self) -> None:
        self.closed = True

    def release_conn(self) -> None:
        self.released = True


def answer(status: int, *pieces: bytes | Exception, **headers: str) -> Body:
    return Body(status, pieces, {name.replace("_", "-"): value for name, value in headers.items()})


def response(body: Body | Coming) -> Response:
    coming = body if isinstance(body, Coming) else Coming(body)
    return Response(coming, "https://r.example/", WHERE)  # type: ignore[arg-type]


BROKEN = ProtocolError("broken")


# How often, and after how long


@pytest.mark.parametrize(("number", "seconds"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0)])
def test_the_wait_is_doubled_with_each_try_up_to_the_longest(
    number: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)
    assert Patience(first=2, longest=10).delay(number) == seconds
    monkeypatch.setattr(random, "random", lambda: 1.0)
    assert Patience(first=2, longest=100).delay(number) == 3 * 2 ** (number - 1)


def passing(error: Exception) -> Exception:
    return transport._Passing(error)


REFUSED = NewConnectionError(Mock(), "refused")


@pytest.mark.parametrize(
    ("attempts", "waits", "told"),
    [
        ([answer(200)], [], ""),
        ([answer(404)], [], ""),
        ([answer(500), answer(503), answer(200)], [1, 2], ""),
        ([answer(500), answer(500), answer(500)], [1, 2], "the registry answers 500 (3 tries)"),
        ([passing(BROKEN), passing(BROKEN), answer(200)], [1, 2], ""),
        ([passing(BROKEN)] * 3, [1, 2], "the connection broke (3 tries)"),
        # Where nobody listens, one more try is enough.
        ([passing(REFUSED), answer(200)], [1], ""),
        ([passing(REFUSED)] * 2, [1], "can't be reached (2 tries)"),
        # The server says how long: ten seconds in all, and no more.
        ([answer(429, Retry_After="10"), answer(200)], [10], ""),
        ([answer(429, Retry_After="11")], [], "the registry answers 429, and asks to wait 11 s (1 try)"),
        ([answer(429, Retry_After="9"), answer(429, Retry_After="1"), answer(200)], [9, 2], ""),
        (
            [answer(429, Retry_After="9"), answer(429, Retry_After="2")],
            [9],
            "the registry answers 429, and asks to wait 2 s (2 tries)",
        ),
    ],
)
def test_how_often_an_answer_is_asked_for(
    attempts: list[Body | Exception], waits: list[float], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    seen: list[events.Event] = []
    asked = Transport("r.example", listener=seen.append, patience=Patience(tries=3, first=1, waits=10), environment={})
    left = iter(attempts)

    def attempt() -> Response:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return response(one)

    with pytest.raises(SourceUnavailable) if told else nullcontext() as caught:
        asked.persist(attempt, WHERE)
    assert not told or f"{WHERE}: {told}; " in str(caught.value)  # type: ignore[union-attr]
    assert [event.delay for event in seen if isinstance(event, events.Retried)] == waits
    assert not list(left)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("7", 7),
        ("soon", 0),
        ("9" * 30, 1 << 30),
        ("\u0667", 0),  # a digit, but not one of HTTP
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:07 GMT", 7),
    ],
)
def test_the_wait_that_a_server_asks_for(value: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: datetime.datetime(2015, 10, 21, 7, 28, tzinfo=datetime.UTC).timestamp())
    assert transport._retry_after(value) == seconds


# How much


@pytest.mark.parametrize(("size", "read"), [(4, 4), (5, 5), (6, 6), (7, 6)])
def test_a_body_is_read_to_its_limit_and_one_byte_more(size: int, read: int) -> None:
    assert len(response(answer(200, b"x" * size)).read_all(5)) == read


@pytest.mark.parametrize(
    ("body", "closed"),
    [
        (answer(200), False),
        (answer(200, bytes(transport._BODY - 1)), False),
        (answer(200, bytes(transport._BODY)), True),  # there may be more
        (answer(200, BROKEN), True),
        (answer(200, TooSlow("slow")), True),
    ],
)
def test_a_connection_is_kept_where_little_is_left_of_its_answer(body: Body, closed: bool) -> None:
    coming = Coming(body)
    response(coming).finish()
    assert (coming.closed, coming.released) == (closed, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors": [{"code": "DENIED", "message": "no"}]}', ": DENIED no"),
        (b'{"errors": [{"code": "DENIED"}, {"code": "OTHER"}]}', ": DENIED"),
        (b'{"errors": [{"message": "a\\nb"}]}', ": a b"),
        (b'{"errors": [{}]}', ""),
        (b'{"errors": []}', ""),
        (b'{"errors": [7]}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (encode({"errors": [{"code": "x" * 300}]}), ": " + "x" * 200),
    ],
)
def test_the_registry_s_own_words_of_an_error(body: bytes, words: str) -> None:
    assert transport.error_words(response(answer(404, body))) == words


class Stub(Repository):
    """A repository whose answers are at hand, one after the other."""

    def __init__(self, *answers: Body, tries: int = 3) -> None:
        self.delays: list[float] = []
        patience = Patience(tries=tries, first=1, longest=1)
        super().__init__(Name("r.example", "app"), Access(), patience=patience, environment={})
        self.answers = [*answers]
        self.given: list[Coming] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._transport.get = self._get_one  # type: ignore[method-assign]
        self._transport.wait = lambda *said: self.delays.append(said[2])  # type: ignore[method-assign]

    def _get_one(self, url: str, headers: Any, **_: str) -> Response:
        self.asked.append((url.partition("/app/")[2], dict(headers)))
        self.given.append(Coming(self.answers.pop(0)))
        return response(self.given[-1])


def tags(*names: str, after: str = "") -> Body:
    body = encode({"tags": list(names)})
    return answer(200, body, Link=f"<?last={after}>; rel=next") if after else answer(200, body)


@pytest.mark.parametrize(
    ("pages", "listed"),
    [
        ([tags("a", "b", "c")], "abc"),
        ([tags("a", "b", "c", "d")], ""),
        ([tags("a", after="1"), tags("a", "b")], "ab"),  # one that comes twice counts once
        ([tags("a", after="1"), tags("b", after="2")], ""),
    ],
)
def test_a_list_of_tags_may_be_as_long_as_the_limits(
    pages: list[Body], listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tags, and two pages of which the second is the last."""
    monkeypatch.setattr(client, "_TAGS", 3)
    monkeypatch.setattr(client, "_PAGES", 2)
    repository = Stub(*pages, tags("c", after="3"), tags("d"))
    with nullcontext() if listed else pytest.raises(LimitExceeded, match="more than 3 tags or 2 pages"):
        assert "".join(repository.tags(1000)) == listed


@pytest.mark.parametrize(
    ("answers", "read"),
    [
        ([answer(200, b"12345")], b"12345"),
        ([answer(200, b"1234", BROKEN), answer(200, b"12", BROKEN), answer(200, b"12345")], b"12345"),
        ([answer(200, BROKEN), answer(200, BROKEN), answer(200, BROKEN)], r"the connection broke \(3 tries\)"),
        ([answer(200, b"123456")], "more than 5 bytes came"),
    ],
)
def test_a_small_answer_is_read_whole(answers: list[Body], read: bytes | str) -> None:
    repository = Stub(*answers)
    with nullcontext() if isinstance(read, bytes) else pytest.raises(AuditError, match=read):
        assert repository.blob(Descriptor("", "sha256:1", 5), 5) == read
    assert repository.delays == [1] * (len(answers) - 1)
    assert not repository.answers


@pytest.mark.parametrize(
    ("given", "at", "read"),
    [
        (answer(200, b"abcdef"), 0, b"abcdef"),
        (answer(206, b"def", Content_Range="bytes 3-5/6"), 3, b"def"),
        (answer(206, b"def", Content_Range="bytes 3-5/*"), 3, b"def"),
        (answer(206, b"cdef", Content_Range="bytes 2-5/6"), 3, None),
        (answer(206, b"ef", Content_Range="bytes 4-5/6"), 3, None),
        (answer(206, b"def"), 3, None),
        (answer(200, b"abcdef"), 3, b"def"),  # a server that knows no ranges
        (answer(200, b"ab", b"cdef"), 3, b"def"),
        (answer(200, b"ab"), 3, b""),
    ],
)
def test_a_blob_is_read_from_where_it_broke_off(given: Body, at: int, read: bytes | None) -> None:
    repository = Stub(given)
    with nullcontext() if read is not None else pytest.raises(CorruptImage, match="another range"):
        assert repository.open_at("blobs/x", at, WHERE).read_all(100) == read
    assert repository.asked == [("blobs/x", {"Range": f"bytes={at}-"} if at else {})]


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (404, ImageNotFound, "the registry has no such image (404)"),
        (403, SourceUnavailable, "the registry forbids it (403)"),
        (400, SourceUnavailable, "the registry answers 400"),
    ],
)
def test_what_a_refusal_means(status: int, error: type[AuditError], told: str) -> None:
    with pytest.raises(error) as caught:
        Stub(answer(status)).blob(Descriptor("", "sha256:1", 5), 5)
    assert f"{WHERE}, sha256:1: {told}; " in str(caught.value)


def stream(*answers: Body, size: int | None = 12) -> Any:
    repository = Stub(*answers)
    return client._BlobStream(repository, Descriptor("", "sha256:1", size)), repository


def part(at: int, *pieces: bytes | Exception) -> Body:
    return answer(206, *pieces, Content_Range=f"bytes {at}-11/12") if at else answer(200, *pieces)


@pytest.mark.parametrize(
    ("answers", "size", "told"),
    [
        ([part(0, b"abcdef")], None, "abcdef"),
        ([part(0, b"abcdefghijkl")], 12, "abcdefghijkl"),
        ([part(0, b"")], 12, ""),
        # Two breaks and no third; a piece that comes whole makes up for one.
        ([part(0, b"ab", BROKEN), part(2, b"cd", BROKEN), part(4, b"efghijkl")], 12, "abcdefghijkl"),
        (
            [part(0, b"ab", BROKEN), part(2, b"cd", BROKEN), part(4, b"ef", BROKEN)],
            12,
            "the connection broke after 6 bytes (3 tries)",
        ),
        (
            [*(part(at, b"xxx", BROKEN) for at in range(0, 12, 3)), part(12, b"")],
            12,
            "xxxxxxxxxxxx",
        ),
        # What ends early is asked for again, and in the end it is believed.
        ([part(0, b"abcdef"), part(6, b"ghijkl")], 12, "abcdefghijkl"),
        ([part(0, b"abcdef"), part(6), part(6)], 12, "abcdef"),
        ([part(0, b"abcdef"), answer(416)], 12, "abcdef"),
    ],
)
def test_a_stream_is_mended_as_often_as_it_may_be(answers: list[Body], size: int | None, told: str) -> None:
    """Read in pieces of three bytes."""
    blob, repository = stream(*answers, size=size)
    read = b""
    try:
        while data := blob.read(3):
            read += data
        assert read.decode() == told
    except SourceUnavailable as error:
        assert told in str(error)
    blob.close()
    assert not repository.answers


@pytest.mark.parametrize("size", [None, -1])
def test_a_stream_without_a_size_is_read_in_pieces(size: int | None) -> None:
    blob, _ = stream(answer(200, bytes(client._CHUNK + 1)), size=client._CHUNK + 1)
    assert [len(blob.read(size)) for _ in range(3)] == [client._CHUNK, 1, 0]


def test_a_stream_that_is_closed_gives_its_connection_up() -> None:
    blob, repository = stream(answer(200, b"abcdef"))
    assert blob.readable()
    assert blob.read(3) == b"abc"
    blob.close()
    assert [one.closed for one in repository.given] == [True]


@pytest.mark.parametrize(
    ("received", "waited", "told"),
    [
        (0, 9.9, ""),
        (0, 10.0, "takes too long (0 bytes in 10 s or more)"),
        (200, 11.9, ""),  # one second more for each hundred bytes
        (200, 12.0, "takes too long (200 bytes in 10 s or more)"),
    ],
)
def test_an_answer_may_take_so_long(received: int, waited: float, told: str) -> None:
    paced = _Paced(Mock(readinto=Mock(return_value=1)), Mock(), Pace(total=10, slowest=100))
    paced._received, paced._waited, paced.in_head = received, waited, False
    with pytest.raises(TooSlow) if told else nullcontext() as caught:
        paced.readinto(bytearray(1))
    assert told in str(caught.value if told else "")  # type: ignore[union-attr]


@pytest.mark.parametrize(("received", "in_head", "ends"), [(7, True, False), (8, True, True), (8, False, False)])
def test_headers_have_an_end(received: int, in_head: bool, ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.image.registry.conversation._HEAD", 8)
    paced = _Paced(Mock(readinto=Mock(return_value=1)), Mock(), Pace())
    paced._received, paced.in_head = received, in_head
    with pytest.raises(TooSlow, match="no end of headers") if ends else nullcontext():
        assert paced.readinto(bytearray(1)) == 1


@pytest.mark.parametrize(("silence", "error"), [(5, TimeoutError), (10, TooSlow), (20, TooSlow)])
def test_silence_is_another_thing_than_an_answer_that_takes_too_long(silence: float, error: type[Exception]) -> None:
    sock = Mock()
    paced = _Paced(Mock(readinto=Mock(side_effect=TimeoutError)), sock, Pace(total=10, silence=silence))
    with pytest.raises(error):
        paced.readinto(bytearray(1))
    sock.settimeout.assert_called_with(min(silence, 10))


# To whom


@pytest.mark.parametrize(
    ("start", "targets", "told", "sent"),
    [
        ("https://r.example/a", ["https://r.example/b"], "", "secret"),
        ("https://r.example/a", ["/b"], "", "secret"),
        ("https://r.example/a", ["https://store.example/b"], "", ""),
        ("https://r.example/a", ["https://r.example:444/b"], "", ""),
        ("http://r.example/a", ["https://r.example/b"], "", ""),
        ("http://r.example/a", ["http://r.example/b"], "", "secret"),
        ("https://r.example/a", ["http://r.example/b"], "redirects from HTTPS to HTTP", None),
        ("https://r.example/a", ["https://r.example/a"], "redirects to nowhere", None),
        ("https://r.example/a", [""], "redirects to nowhere", None),
        ("https://r.example/a", ["ftp://r.example/b"], "redirects to nowhere", None),
        ("https://r.example/a", [f"/{number}" for number in range(7)], "", "secret"),
        ("https://r.example/a", [f"/{number}" for number in range(8)], "redirects more than 8 times", None),
    ],
)
def test_where_a_redirect_leads(
    start: str, targets: list[str], told: str, sent: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    left = iter(targets)

    def once(_: object, method: str, url: str, headers: dict[str, str], where: str) -> Response:  # noqa: ARG001
        asked.append((url, headers.get("Authorization", "")))
        target = next(left, None)
        return response(answer(200) if target is None else answer(307, Location=target))

    monkeypatch.setattr(Transport, "_once", once)
    with pytest.raises(SourceUnavailable, match=told) if told else nullcontext():
        Transport("r.example", environment={}).get(start, {"Authorization": "secret"}, where=WHERE)
    assert sent is None or asked[-1][1] == sent


@pytest.mark.parametrize(
    ("host", "is_this_machine"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("here.localhost", True),
        ("notlocalhost", False),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("128.0.0.1", False),
        ("::1", True),
        ("[::1]", True),
        ("::2", False),
        ("r.example", False),
    ],
)
def test_this_machine(host: str, is_this_machine: bool) -> None:
    assert transport.is_loopback(host) is is_this_machine


@pytest.mark.parametrize(
    ("text", "base", "address"),
    [
        ("https://r.example/x", "", "https://r.example/x"),
        ("http://r.example:1/x", "", "http://r.example:1/x"),
        ("/y", "https://r.example/x", "https://r.example/y"),
        ("https://r.example:0/x", "", None),
        ("https://r.example:x/", "", None),
        ("https://[::1/", "", None),
        ("https:///x", "", None),
        ("ftp://r.example/x", "", None),
        ("", "", None),
    ],
)
def test_an_address_that_a_server_names(text: str, base: str, address: str | None) -> None:
    found = transport.web_address(text, base)
    assert (found.geturl() if found else None) == address


@pytest.mark.parametrize(
    ("name", "access", "host", "scheme", "may_be_plain"),
    [
        ("docker.io", Access(), "registry-1.docker.io", "https", False),
        ("r.example:5000", Access(), "r.example:5000", "https", False),
        ("r.example", Access(plain_http=True), "r.example", "http", False),
        ("localhost", Access(), "localhost", "https", True),
        ("localhost:5000", Access(), "localhost:5000", "https", True),
        ("[::1]", Access(), "[::1]", "https", True),
        ("[::1]:5000", Access(), "[::1]:5000", "https", True),
        ("localhost:5000", Access(ca=Path("/ca.crt")), "localhost:5000", "https", False),
    ],
)
def test_how_a_registry_is_spoken_to(name: str, access: Access, host: str, scheme: str, may_be_plain: bool) -> None:
    found = Repository(Name(name, "app"), access, environment={})
    assert (found._host, found._scheme, found._may_be_plain) == (host, scheme, may_be_plain)


@pytest.mark.parametrize(
    ("scheme", "may_be_plain", "then"), [("https", True, "http"), ("https", False, None), ("http", True, None)]
)
def test_a_registry_that_does_not_speak_tls(scheme: str, may_be_plain: bool, then: str | None) -> None:
    """Only this machine's own is spoken to in the clear, and only once TLS has failed."""
    repository = Stub()
    repository._scheme, repository._may_be_plain = scheme, may_be_plain
    repository._transport.get = Mock(side_effect=[NotTls, response(answer(200, b"x"))])  # type: ignore[method-assign]
    with nullcontext() if then else pytest.raises(SourceUnavailable, match="does not speak TLS"):
        assert repository.blob(Descriptor("", "sha256:1", 1), 1) == b"x"
    assert repository._scheme == (then or scheme)


@pytest.mark.parametrize(
    ("proxy", "headers", "address"),
    [
        ("http://p.example:1", {}, "http://p.example:1"),
        ("https://p.example:1", {}, "https://p.example:1"),
        ("http://me:word@p.example:1", {"proxy-authorization": "Basic bWU6d29yZA=="}, "http://p.example:1"),
        ("http://me@p.example:1", {"proxy-authorization": "Basic bWU6"}, "http://p.example:1"),
        ("socks5://p.example:1", None, ""),
        ("http://:1", None, ""),
    ],
)
def test_a_proxy(proxy: str, headers: dict[str, str] | None, address: str) -> None:
    if headers is None:
        with pytest.raises(UsageError, match="of a kind that is not supported"):
            transport._manager(proxy, None)
        return
    made = transport._manager(proxy, None)
    assert isinstance(made, urllib3.ProxyManager)
    assert made.proxy is not None
    assert (str(made.proxy), dict(made.proxy_headers)) == (address, headers)


@pytest.mark.parametrize(
    ("urls", "environment", "secure"),
    [
        (["http://r.example/"], {}, False),
        (["http://r.example/", "http://r.example/"], {}, False),
        (["https://r.example/"], {}, True),
        (["http://r.example/", "https://r.example/"], {}, True),
        (["http://r.example/"], {"http_proxy": "https://p.example"}, True),
        (["http://r.example/"], {"http_proxy": "http://p.example"}, False),
        (["https://r.example/"], {"https_proxy": "http://p.example"}, True),
    ],
)
def test_certificates_are_read_where_something_is_encrypted(
    urls: list[str], environment: dict[str, str], secure: bool
) -> None:
    made = Transport("r.example", environment=environment)
    pools = [made._pool(url) for url in urls]
    assert len({id(pool) for pool in pools}) == 1
    assert ("ssl_context" in pools[0].connection_pool_kw) is secure


@pytest.mark.parametrize(
    ("error", "told", "remedy"),
    [
        (
            NameResolutionError("r", Mock(), socket.gaierror()),
            "the name of its host is not known",
            "check the registry's name",
        ),
        (ProxyError("x", OSError()), "the proxy does not answer", "check the proxy that the environment names"),
        (REFUSED, "can't be reached", "check the registry's address and the network"),
        (BROKEN, "the connection broke", "check the registry's address and the network"),
        (OSError(99_999, "of no system"), "the request failed", "check the registry's address and the network"),
    ],
)
def test_what_is_told_of_the_network(error: Exception, told: str, remedy: str) -> None:
    found = transport._Passing(error)
    assert (str(found), transport._remedy(found)) == (told, remedy)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", NotTls),
        ("record layer failure", NotTls),
        ("[SSL: HTTP_REQUEST] http request", NotTls),
        ("bad record", SourceUnavailable),
    ],
)
def test_what_a_failure_of_tls_means(words: str, told: type[Exception]) -> None:
    assert isinstance(Transport("r", environment={})._tls_trouble(SSLError(words), WHERE), told)


def test_every_interruption_may_be_mended() -> None:
    with pytest.raises(Interrupted, match="the connection broke"):
        response(answer(200, BROKEN)).read(1)
    with pytest.raises(SourceUnavailable, match="slow"):
        response(answer(200, TooSlow("slow"))).read(1)


@pytest.mark.parametrize(
    ("host", "exceptions", "excepted"),
    [
        ("r.example", "", False),
        ("r.example", ",", False),
        ("r.example", "*", True),
        ("R.example", "r.EXAMPLE", True),
        ("r.example", "other.example r.example", True),
        ("a.r.example", "r.example", True),
        ("ar.example", "r.example", False),
        ("r.example", "*.example", True),
        ("r.example", "r.example:8080", True),
        ("r.example", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False),
        ("10.1.2.3", "junk/8,10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("2001:db8::1", "2001:db8::1", True),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db9::1", "2001:db8::/32", False),
    ],
)
def test_hosts_that_go_past_the_proxy(host: str, exceptions: str, excepted: bool) -> None:
    assert transport._excepted(host, exceptions) is excepted


def test_each_proxy_has_connections_of_its_own() -> None:
    made = Transport("r.example", environment={"https_proxy": "http://p.example", "no_proxy": "store.example"})
    through, past = made._pool("https://r.example/"), made._pool("https://store.example/")
    assert (isinstance(through, urllib3.ProxyManager), isinstance(past, urllib3.ProxyManager)) == (True, False)
    assert made._pool("https://r.example/") is through


@pytest.mark.parametrize(("environment", "own"), [({}, []), ({"HOME": "/me"}, ["/me/.config/containers/certs.d"])])
def test_where_the_certificates_of_a_host_lie(
    environment: dict[str, str], own: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []
    monkeypatch.setattr(transport, "_load_directory", lambda _, place: places.append(place))
    assert Transport("r.example:5000", environment=environment)._context
    assert places == [
        Path(place, "r.example:5000") for place in ("/etc/docker/certs.d", "/etc/containers/certs.d", *own)
    ]
