"""Whom a password is told: the registry that it belongs to and that registry's token server, and nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import SourceUnavailable
from auditor.image import Access
from auditor.image.registry.auth import _may_know
from auditor.image.registry.credentials import Credentials
from auditor.image.registry.transport import web_address
from tests.image.build import Layout
from tests.image.misbehaving import Answer, Asked, Server, serving
from tests.image.pulls import LAYERS, TokenServer, answer, pull, quick, registry, wants_basic, write_authfile

__all__ = ["quick", "registry"]  # fixtures
pytestmark = pytest.mark.usefixtures("quick")

SECRET = Credentials("me", "secret:word").basic


@pytest.fixture
def other() -> Iterator[Server]:
    """Another server on this machine, which is told of the same blobs and hears what it is sent."""
    layout = Layout()
    layout.manifest(LAYERS)
    with serving(Server(layout, {})) as server:
        yield server


def heard(server: Server) -> list[str]:
    """Every Authorization header that a server was sent, and every form."""
    return [
        text for asked in server.asked for text in (asked.headers.get("Authorization", ""), asked.body.decode()) if text
    ]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", ["blobs", "manifests"])
@pytest.mark.parametrize("challenge", ['Bearer realm="http://{host}/token"', 'Basic realm="here"', "Negotiate"])
def test_a_host_that_is_redirected_to_gets_no_login(
    registry: Server, other: Server, tmp_path: Path, name: str, kind: str, challenge: str
) -> None:
    there = f"{name}:{other.host.rpartition(':')[2]}"
    wants_basic(registry)
    check = registry.always[kind]
    registry.always[kind] = lambda asked: check(asked) or Answer(307, {"Location": f"http://{there}{asked.path}"})
    header = {"WWW-Authenticate": challenge.format(host=there)}
    other.always.update(dict.fromkeys(("blobs", "manifests"), lambda _: answer(401, "UNAUTHORIZED", **header)))
    other.always["/token"] = lambda _: Answer(200, {}, b'{"token": "x"}')
    with pytest.raises(SourceUnavailable, match=rf"redirects to {name}, which asks for a login of its own \(401"):
        pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))
    assert other.asked
    assert heard(other) == []
    assert SECRET in heard(registry)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_token_server_that_redirects_takes_no_password_along(
    registry: Server, other: Server, tmp_path: Path, status: int
) -> None:
    TokenServer(registry, user=SECRET)
    registry.always["/token"] = lambda asked: Answer(status, {"Location": f"http://{other.host}{asked.path}"})
    with pytest.raises(SourceUnavailable):
        pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))
    assert heard(other) == []


def test_the_token_server_of_a_registry_on_this_machine_may_be_beside_it(
    registry: Server, other: Server, tmp_path: Path
) -> None:
    tokens = TokenServer(registry, user=SECRET)
    other.always["/token"] = tokens.token
    realm = {"WWW-Authenticate": f'Bearer realm="http://{other.host}/token",service="the registry"'}

    def check(asked: Asked) -> Answer | None:
        return None if asked.headers.get("Authorization") == "Bearer token-1" else answer(401, "UNAUTHORIZED", **realm)

    registry.always.update({"manifests": check, "blobs": check})
    pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))
    assert heard(other) == [SECRET]


def test_no_password_is_sent_in_the_clear_to_another_host(registry: Server, tmp_path: Path) -> None:
    realm = {"WWW-Authenticate": 'Bearer realm="http://tokens.example/token"'}
    registry.always["manifests"] = lambda _: answer(401, "UNAUTHORIZED", **realm)
    with pytest.raises(SourceUnavailable, match=r"password sent to tokens\.example without TLS, which is not done"):
        pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))


@pytest.mark.parametrize(
    ("registry", "realm", "told"),
    [
        ("https://r.example", "https://auth.example/token", True),
        ("http://r.example", "https://auth.example/token", True),
        ("http://127.0.0.1:5000", "https://auth.example/token", True),
        ("http://r.example:5000", "http://r.example/token", True),
        ("http://127.0.0.1:5000", "http://localhost:5001/token", True),
        ("https://r.example", "http://r.example/token", False),
        ("https://r.example", "http://127.0.0.1:5001/token", False),
        ("https://localhost:5000", "http://localhost:5001/token", False),
        ("http://r.example", "http://auth.example/token", False),
        ("http://r.example", "http://127.0.0.1/token", False),
        ("http://localhost:5000", "http://auth.example/token", False),
    ],
)
def test_who_may_know_a_password(registry: str, realm: str, told: bool) -> None:
    asked, answering = web_address(registry), web_address(realm)
    assert asked is not None
    assert answering is not None
    assert _may_know(answering, asked) is told


@pytest.mark.parametrize("address", ["http://[x", "http://[x]:5/", "http://h:port/", "http://h:99999/", "ftp://h/"])
def test_an_address_that_is_none(registry: Server, address: str) -> None:
    registry.fail("manifests", Answer(302, {"Location": address}))
    with pytest.raises(SourceUnavailable, match="redirects to nowhere"):
        pull(registry)
    registry.always["manifests"] = lambda _: Answer(401, {"WWW-Authenticate": f'Bearer realm="{address}"'})
    with pytest.raises(SourceUnavailable, match="without saying where"):
        pull(registry)
