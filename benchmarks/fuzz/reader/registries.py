"""What a registry answers, what a helper program answers, and what lies in a user's files of credentials."""

import json
import ssl
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from unittest import mock

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from auditor.budget import Budget
from auditor.image.reference import parse_name
from auditor.image.registry import conversation, credentials, helpers, transport
from auditor.image.registry.client import Repository
from auditor.image.registry.transport import Patience
from auditor.image.source import docker_endpoint
from auditor.image.source.interface import Access, Options
from auditor.image.source.registry import Registry
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.wire import Wire, answer, read_all
from benchmarks.fuzz.world import SEPARATOR, joined, parts, scratch, written

_HOST = "registry.example"
_SECRET = "c2VjcmV0OnNlY3JldA=="  # noqa: S105 - base64 of secret:secret, which must stay where it belongs
_CONTEXT = ssl.create_default_context()
_HASTE = Patience(tries=3, first=0, longest=0, waits=0)


class _Wire(Wire):
    """One that keeps watch over the password."""

    def __init__(self, answers: list[bytes], host: str, secure: bool) -> None:
        super().__init__(answers)
        self._host = host
        self._secure = secure

    def sendall(self, data: bytes) -> None:
        if _SECRET.encode() in data and not self._secure:
            assert self._host == _HOST, f"a password went to {self._host} in the clear"


def _pools(answers: list[bytes], pace: conversation.Pace) -> Mapping[str, type[HTTPConnectionPool]]:
    """The pools of the product, whose connections need no network."""
    made = {}
    for scheme, pool in conversation.pools(pace).items():
        base = pool.ConnectionCls
        methods = {
            "connect": _connecting(answers, scheme == "https"),
            "is_connected": property(lambda self: self.sock is not None),
        }
        made[scheme] = type("Pool", (pool,), {"ConnectionCls": type("Connection", (base,), methods)})
    return made


def _connecting(answers: list[bytes], secure: bool) -> Any:
    """A `connect` that reaches nobody."""

    def connect(self: HTTPConnection | HTTPSConnection) -> None:
        if not answers:
            raise ConnectionRefusedError(111, "refused")
        self.sock = _Wire(answers, self.host, secure)
        self.is_verified = True

    return connect


def _registry(data: bytes) -> None:
    first, *answers = data.split(SEPARATOR)[:12]
    authfile = written("auth.json", json.dumps({"auths": {_HOST: {"auth": _SECRET}}}).encode())
    access = Access(authfile if b"a" in first else None, plain_http=b"p" in first)
    environment = {"HOME": str(scratch()), "XDG_RUNTIME_DIR": str(scratch())}
    with (
        mock.patch.object(transport, "pools", partial(_pools, answers)),
        mock.patch.object(ssl, "create_default_context", lambda: _CONTEXT),
    ):
        repository = Repository(parse_name(f"{_HOST}/a/b:1"), access, patience=_HASTE, environment=environment)
        source = Registry(repository, "1", Options(lambda *_: False, Budget()))
        try:
            read_all(source)
        finally:
            source.close()


def _conversations() -> Iterator[bytes]:
    import hashlib  # noqa: PLC0415

    config, layer = b'{"os": "linux", "rootfs": {"diff_ids": []}}', b"layer of some bytes" * 3

    def descriptor(blob: bytes) -> dict[str, object]:
        return {"digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}

    manifest = json.dumps({"schemaVersion": 2, "config": descriptor(config), "layers": [descriptor(layer)]}).encode()
    found = answer("200 OK", {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, manifest)
    bearer = 'Bearer realm="https://auth.example/token?a=b",service="s",scope="repository:a/b:pull"'
    refused = answer("401 No", {"WWW-Authenticate": bearer}, b'{"errors": [{"code": "U", "message": "m"}]}')
    token = answer("200 OK", {}, b'{"token": "abc", "expires_in": 60}')
    cut = answer("200 OK", {}, layer)[:-20]
    rest = answer("206 P", {"Content-Range": f"bytes {len(layer) - 20}-{len(layer) - 1}/{len(layer)}"}, layer[-20:])
    moved = answer("307 M", {"Location": "https://cdn.example/x?y=z"})
    yield joined(b"a", refused, token, found, answer("200 OK", {}, config), answer("200 OK", {}, layer))
    yield joined(b"", found, answer("200 OK", {}, config), cut, rest)
    yield joined(b"a", answer("401 No", {"WWW-Authenticate": 'Basic realm="x"'}), moved, found, moved, config)
    yield joined(b"ap", refused, token, found)
    yield joined(b"", answer("429 S", {"Retry-After": "0"}), answer("503 S", {"Retry-After": "Fri, 01 Jan 2027"}))
    yield joined(b"", b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n0\r\n\r\n')


def _credentials(data: bytes) -> None:
    """A file of credentials, and what the helper that it names prints."""
    file, answer = parts(data, 2)
    path = written("config.json", file)
    with mock.patch.object(helpers, "ask", lambda *_: answer or "no helper"):
        for host, repository in (("docker.io", "library/a"), (_HOST, "a/b/c")):
            found = credentials.find(host, repository, path, {}).credentials
            if found is not None and not found.identity_token:
                found.basic.encode("ascii")


def _credential_files() -> Iterator[bytes]:
    entry = {"auth": _SECRET}
    yield joined(json.dumps({"auths": {f"{_HOST}/a": entry, "https://index.docker.io/v1/": entry}}).encode())
    yield joined(b'{"credsStore": "x"}', b'{"Username": "<token>", "Secret": "s"}')
    yield joined(b'{"credHelpers": {"registry.example": "y"}}', b'{"Username": "a", "Secret": "s"}')
    yield joined(b'{"auths": {"registry.example": {"identitytoken": "t"}, "x": {"username": "a", "password": "b"}}}')


def _endpoint(data: bytes) -> None:
    """A user's Docker configuration and the description of the context that it names."""
    import hashlib  # noqa: PLC0415

    settings, meta, host = parts(data, 3)
    folder = scratch() / "docker"
    place = folder / "contexts/meta" / hashlib.sha256(b"x").hexdigest()
    place.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_bytes(settings)
    (place / "meta.json").write_bytes(meta)
    for environment in ({}, {"DOCKER_CONTEXT": "x"}, {"DOCKER_HOST": host.decode("latin-1")}):
        docker_endpoint.find({"DOCKER_CONFIG": str(folder), **environment})


READERS = {
    "registry": Reader(_registry, _conversations, longest=8192),
    "credentials": Reader(_credentials, _credential_files, json=True),
    "docker-endpoint": Reader(
        _endpoint,
        lambda: [joined(b'{"currentContext": "x"}', b'{"Endpoints": {"docker": {"Host": "tcp://a:1"}}}', b"tcp://b:2")],
    ),
}
