"""What tests of pulling share: an image in a registry that does as it is told, credentials, and a token server."""

import base64
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from auditor.auditing.load import load
from auditor.image import Image
from auditor.image.registry.credentials import Credentials
from auditor.image.registry.transport import Patience
from auditor.image.source import registry as source
from tests.image.build import Layout, encode, file, folder, program, tar, whiteout
from tests.image.misbehaving import Answer, Asked, Server, serving

LAYERS = [
    tar([folder("bin"), program("bin/tool", b"\x7fELF" + os.urandom(300_000)), file("gone", "x", 0o755)]),
    tar([whiteout("gone"), file("etc/conf", "new")]),
]
BLOB = gzip.compress(LAYERS[0], 1, mtime=0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting, and nobody's real credentials."""
    monkeypatch.setattr(source, "PATIENCE", Patience(tries=4, first=0.001, longest=0.01))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


@pytest.fixture
def registry() -> Iterator[Server]:
    layout = Layout()
    entry = layout.manifest(LAYERS)
    with serving(Server(layout, {"v1": str(entry["digest"])})) as server:
        yield server


def pull(server: Server, tag: str = ":v1", **options: object) -> Image:
    with load(f"registry:{server.host}/team/app{tag}", **options) as image:  # type: ignore[arg-type]
        tool = image.tree.find("/bin/tool").node
        assert tool is not None
        assert tool.content is not None
        assert tool.content.read(0, 4) == b"\x7fELF"
        return image


def answer(status: int, code: str, **headers: str) -> Answer:
    return Answer(status, headers, encode({"errors": [{"code": code, "message": "in the server's words"}]}))


def write_authfile(folder: Path, key: str, user: str = "me", password: str = "secret:word", **more: object) -> Path:
    path = folder / "auth.json"
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {key: {"auth": encoded}}, **more}))
    return path


def wants_basic(server: Server, user: str = "me", password: str = "secret:word") -> None:
    expected = Credentials(user, password).basic

    def check(asked: Asked) -> Answer | None:
        if asked.headers.get("Authorization") == expected:
            return None
        return answer(401, "UNAUTHORIZED", **{"WWW-Authenticate": 'Basic realm="here"'})

    before = server.always.get("blobs")
    server.always["manifests"] = check
    server.always["blobs"] = lambda asked: check(asked) or (before(asked) if before else None)


class TokenServer:
    """Gives tokens for `/token`, which the registry wants."""

    def __init__(self, server: Server, *, user: str = "", refresh: str = "", lifetime: int = 1 << 30) -> None:
        self.server = server
        self.user = user
        self.refresh = refresh
        self.given = 0
        self.uses = 0
        self.lifetime = lifetime
        self.key = "token"
        server.always.update({"manifests": self.check, "blobs": self.check, "/token": self.token})

    def check(self, asked: Asked) -> Answer | None:
        if asked.headers.get("Authorization") == f"Bearer token-{self.given}" and self.uses < self.lifetime:
            self.uses += 1
            return None
        challenge = (
            f'Bearer realm="http://{self.server.host}/token",service="the registry",scope="repository:team/app:pull"'
        )
        return answer(401, "UNAUTHORIZED", **{"WWW-Authenticate": challenge})

    def token(self, asked: Asked) -> Answer:
        query = parse_qs(urlsplit(asked.path).query or asked.body.decode())
        assert query["service"] == ["the registry"]
        assert query["scope"] == ["repository:team/app:pull"]
        if self.refresh:
            if query.get("refresh_token") != [self.refresh] or query.get("grant_type") != ["refresh_token"]:
                return answer(401, "UNAUTHORIZED")
        elif asked.headers.get("Authorization", "") != self.user:
            return answer(401, "UNAUTHORIZED")
        self.given += 1
        self.uses = 0
        return Answer(200, {"Content-Type": "application/json"}, encode({self.key: f"token-{self.given}"}))
