"""A registry that works, and one that fails in every way that has a name: one clear line each, or success after all."""

import base64
import errno
import json
import os
import ssl
import stat
import threading
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
import urllib3

from auditor import events
from auditor.auditing.load import load, load_index
from auditor.errors import (
    AuditError,
    CorruptImage,
    ImageNotFound,
    LimitExceeded,
    SourceUnavailable,
    UnsupportedFormat,
    UsageError,
)
from auditor.image import Access, Limits, parse_platform
from auditor.image.registry import transport
from auditor.image.registry.auth import challenges
from auditor.image.registry.credentials import Credentials, find
from tests.image.build import INDEX, Json, Layout, config, encode, file, program, sha256, tar
from tests.image.misbehaving import Answer, Asked, Server, serving
from tests.image.pulls import BLOB, LAYERS, TokenServer, answer, pull, quick, registry, wants_basic, write_authfile
from tests.image.servers import make_certificates, needs

__all__ = ["quick", "registry"]  # fixtures
pytestmark = pytest.mark.usefixtures("quick")


def test_an_image_by_tag_and_by_digest(registry: Server) -> None:
    image = pull(registry)
    assert (image.source, image.digest) == ("registry", registry.tags["v1"])
    assert [layer.diff_id for layer in image.layers] == [sha256(layer) for layer in LAYERS]
    assert image.layers[0].digest == sha256(BLOB)
    assert registry.count("manifests") == 1
    assert registry.count("blobs") == 3
    by_digest = pull(registry, f"@{image.digest}")
    assert by_digest.digest == image.digest
    assert pull(registry, f":nonsense@{image.digest}").digest == image.digest


@pytest.mark.parametrize("count", [1, 3, 20])
def test_each_blob_is_asked_for_once_over_a_connection_that_is_used_again(count: int) -> None:
    """The manifest's connection brings the config and a layer too; layers that come side by side have one each."""
    layout = Layout()
    entry = layout.manifest([tar([file(f"file-{index}", str(index))]) for index in range(count)])
    with serving(Server(layout, {"v1": str(entry["digest"])})) as server:
        with load(f"registry:{server.host}/team/app:v1", access=Access(plain_http=True)) as image:
            assert [layer.index for layer in image.layers] == [*range(count)]
        paths = [asked.path for asked in server.asked]
        assert len(paths) == len(set(paths)) == count + 2
        assert len(server.connections) <= min(count, 8)


def test_layers_come_side_by_side() -> None:
    """What waits for one layer's round trip doesn't hold up others, whatever the machine: eight are under way."""
    layout = Layout()
    layers = [tar([file(f"file-{index}", str(index))]) for index in range(8)]
    entry = layout.manifest(layers, compress=False)
    blobs = [sha256(layer) for layer in layers]
    together = threading.Barrier(8, timeout=30)

    def meet(asked: Asked) -> None:
        if asked.path.endswith(tuple(blobs)):
            together.wait()

    with serving(Server(layout, {"v1": str(entry["digest"])})) as server:
        server.always["blobs"] = meet
        with load(f"registry:{server.host}/team/app:v1") as image:
            assert len(image.layers) == 8


def test_a_bare_name_comes_from_the_registry_where_no_daemon_has_it(registry: Server) -> None:
    seen: list[events.Event] = []
    with load(f"{registry.host}/team/app:v1", listener=seen.append) as image:
        assert image.source == "registry"
    tried = [event for event in seen if isinstance(event, events.SourceTried)]
    assert [event.source for event in tried] == ["docker"]
    assert "there is no" in tried[0].reason
    chosen = [event for event in seen if isinstance(event, events.SourceChosen)]
    assert [(event.source, event.digest) for event in chosen] == [("registry", registry.tags["v1"])]
    with pytest.raises(ImageNotFound, match=r"and not from the daemon: .* does not answer") as caught:
        load(f"{registry.host}/team/app:v2").__enter__()
    assert "daemon" not in caught.value.cause
    (also,) = caught.value.also
    assert also.startswith("not from the daemon: ")


def test_401_without_credentials(registry: Server) -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="here"'}
    registry.always["manifests"] = lambda _: answer(401, "UNAUTHORIZED", **challenge)
    with pytest.raises(
        SourceUnavailable, match=r"user name and password \(401: UNAUTHORIZED in the server's words\).*log in"
    ):
        pull(registry)


def test_403(registry: Server) -> None:
    registry.always["manifests"] = lambda _: answer(403, "DENIED")
    with pytest.raises(SourceUnavailable, match=r"forbids it \(403: DENIED"):
        pull(registry)


def test_404(registry: Server) -> None:
    with pytest.raises(ImageNotFound, match=r"app:v2: .*404: MANIFEST_UNKNOWN"):
        pull(registry, ":v2")


def test_404_of_a_blob(registry: Server) -> None:
    registry.always["blobs"] = lambda _: Answer(404)
    with pytest.raises(ImageNotFound, match="sha256:"):
        pull(registry)


@pytest.mark.parametrize("after", ["0", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_429_and_then_200(registry: Server, kind: str, after: str) -> None:
    seen: list[events.Event] = []
    registry.fail(kind, answer(429, "TOOMANYREQUESTS", **{"Retry-After": after}))
    pull(registry, listener=seen.append)
    assert [event.reason for event in seen if isinstance(event, events.Retried)] == ["the registry answers 429"]


def test_429_that_asks_for_an_hour(registry: Server) -> None:
    registry.always["manifests"] = lambda _: answer(429, "TOOMANYREQUESTS", **{"Retry-After": "3600"})
    with pytest.raises(SourceUnavailable, match="asks to wait 3600 s"):
        pull(registry)
    assert registry.count("manifests") == 1


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_500(registry: Server, kind: str, status: int) -> None:
    registry.always[kind] = lambda _: answer(status, "UNKNOWN")
    with pytest.raises(SourceUnavailable, match=rf"answers {status}: UNKNOWN in the server's words \(4 tries\)"):
        pull(registry)


def test_500_that_passes(registry: Server) -> None:
    for kind in ("manifests", "blobs"):
        registry.fail(kind, Answer(500), Answer(503), Answer(hang_up=True))
    pull(registry)


def test_a_cut_connection_is_resumed(registry: Server) -> None:
    cuts = [1000, 200_000, 50]

    def cut(asked: Asked) -> Answer | None:
        sound = registry.plain(asked)
        if not asked.path.endswith(sha256(BLOB)) or not cuts:
            return None
        return Answer(sound.status, sound.headers, sound.body, cut=cuts.pop(0))

    registry.always["blobs"] = cut
    seen: list[events.Event] = []
    pull(registry, listener=seen.append)
    ranges = [asked.headers["Range"] for asked in registry.asked if "Range" in asked.headers]
    assert ranges == ["bytes=1000-", "bytes=201000-", "bytes=201050-"]
    assert sum(isinstance(event, events.Retried) for event in seen) == 3


def test_a_cut_connection_to_a_server_without_ranges(registry: Server) -> None:
    registry.ranges = False
    registry.fail("blobs", lambda _: None)
    cuts = [1000, 200_000]

    def cut(asked: Asked) -> Answer | None:
        if not asked.path.endswith(sha256(BLOB)) or not cuts:
            return None
        return Answer(200, {}, BLOB, cut=cuts.pop(0))

    registry.always["blobs"] = cut
    pull(registry)


def test_a_connection_that_is_always_cut(registry: Server) -> None:
    registry.always["blobs"] = lambda asked: Answer(200, {}, registry.plain(asked).body, cut=10, length=99999)
    with pytest.raises(SourceUnavailable, match=r"sha256:.*\(4 tries\)"):
        pull(registry)


def test_a_layer_that_is_always_cut(registry: Server) -> None:
    """Each try goes on where the last one ended, and there is an end to them."""

    def cut(asked: Asked) -> Answer | None:
        sound = registry.plain(asked)
        return Answer(sound.status, sound.headers, sound.body, cut=10) if asked.path.endswith(sha256(BLOB)) else None

    registry.always["blobs"] = cut
    with pytest.raises(SourceUnavailable, match=r"the connection broke after 40 bytes \(4 tries\)"):
        pull(registry)
    ranges = [asked.headers["Range"] for asked in registry.asked if "Range" in asked.headers]
    assert ranges == ["bytes=10-", "bytes=20-", "bytes=30-"]


def test_a_layer_that_the_registry_says_ends_early(registry: Server) -> None:
    """It may be that more comes with the next try; in the end the registry is believed."""

    def short(asked: Asked) -> Answer | None:
        if not asked.path.endswith(sha256(BLOB)):
            return None
        range_headers = {"Content-Range": f"bytes 5000-{len(BLOB) - 1}/{len(BLOB)}"}
        return Answer(206, range_headers) if "Range" in asked.headers else Answer(200, {}, BLOB[:5000])

    registry.always["blobs"] = short
    with pytest.raises(CorruptImage, match=f"has 5000 bytes, the manifest says {len(BLOB)}"):
        pull(registry)
    assert any("Range" in asked.headers for asked in registry.asked)


def test_a_manifest_that_is_cut(registry: Server) -> None:
    whole = registry.plain(Asked("/v2/team/app/manifests/v1", {}))
    registry.fail("manifests", Answer(200, whole.headers, whole.body, cut=10))
    pull(registry)


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_a_wrong_digest(registry: Server, kind: str) -> None:
    def other(asked: Asked) -> Answer:
        sound = registry.plain(asked)
        return Answer(200, sound.headers, sound.body[:-1] + b"?")

    registry.always[kind] = other
    with pytest.raises(CorruptImage, match="sha256:"):
        pull(registry)
    registry.always = {"manifests": lambda asked: Answer(200, {}, registry.plain(asked).body + b" ")}
    with pytest.raises(CorruptImage, match="a manifest with the digest"):
        pull(registry, f"@{registry.tags['v1']}")


@pytest.mark.parametrize("length", [None, -1])
def test_a_short_blob(registry: Server, length: int | None) -> None:
    def short(asked: Asked) -> Answer | None:
        if not asked.path.endswith(sha256(BLOB)):
            return None
        return Answer(416) if "Range" in asked.headers else Answer(200, {}, BLOB[:5000], length=length)

    registry.always["blobs"] = short
    with pytest.raises(CorruptImage, match=f"{sha256(BLOB)}.*has 5000 bytes, the manifest says {len(BLOB)}"):
        pull(registry)


def test_a_blob_that_is_too_long(registry: Server) -> None:
    registry.always["blobs"] = lambda asked: (
        Answer(200, {}, BLOB + b"more") if asked.path.endswith(sha256(BLOB)) else None
    )
    with pytest.raises(CorruptImage, match=f"is longer than the {len(BLOB)} bytes"):
        pull(registry)


@pytest.mark.parametrize("first", ["0", "9" * 5000])
def test_another_range_than_was_asked_for(first: str, registry: Server) -> None:
    def shifted(asked: Asked) -> Answer | None:
        if not asked.path.endswith(sha256(BLOB)):
            return None
        if "Range" in asked.headers:
            return Answer(206, {"Content-Range": f"bytes {first}-{len(BLOB) - 1}/{len(BLOB)}"}, BLOB)
        return Answer(200, {}, BLOB, cut=100)

    registry.always["blobs"] = shifted
    with pytest.raises(CorruptImage, match="another range"):
        pull(registry)


def test_html_instead_of_json(registry: Server) -> None:
    page = Answer(200, {"Content-Type": "text/html"}, b"<html><body>Welcome</body></html>")
    registry.always["manifests"] = lambda _: page
    with pytest.raises(CorruptImage, match="web page"):
        pull(registry)
    registry.always = {"blobs": lambda _: page}
    with pytest.raises(CorruptImage, match="has 33 bytes, its descriptor says"):
        pull(registry)


def test_an_endless_redirect(registry: Server) -> None:
    registry.always["manifests"] = lambda asked: Answer(307, {"Location": f"{asked.path}?again"})
    registry.always["v1?again"] = registry.always["manifests"]
    with pytest.raises(SourceUnavailable, match="redirects"):
        pull(registry)
    assert len(registry.asked) < 12
    registry.always["manifests"] = lambda asked: Answer(302, {"Location": asked.path})
    with pytest.raises(SourceUnavailable, match="redirects to nowhere"):
        pull(registry)
    registry.always["manifests"] = lambda _: Answer(302, {"Location": "file:///etc/passwd"})
    with pytest.raises(SourceUnavailable, match="redirects to nowhere"):
        pull(registry)


def test_a_redirect_takes_no_credentials_along(registry: Server, tmp_path: Path) -> None:
    layout = Layout()
    layout.manifest(LAYERS)
    with serving(Server(layout, {})) as store:
        there = f"http://{store.host}"
        registry.always["blobs"] = lambda asked: Answer(307, {"Location": f"{there}{asked.path}?signature=x"})
        store.always = {}
        original = store.plain
        store.plain = lambda asked: original(Asked(asked.path.partition("?")[0], asked.headers))  # type: ignore[method-assign]
        wants_basic(registry)
        pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))
        assert store.asked
        assert not any("Authorization" in asked.headers for asked in store.asked)


def test_a_manifest_beyond_the_limit(registry: Server) -> None:
    registry.always["manifests"] = lambda _: Answer(200, {}, b" " * 10_000)
    with pytest.raises(LimitExceeded):
        pull(registry, limits=Limits(json=5000))


def test_a_body_that_is_compressed_for_the_way_is_not_taken_apart(registry: Server) -> None:
    def marked(asked: Asked) -> Answer:
        sound = registry.plain(asked)
        return Answer(sound.status, {**sound.headers, "Content-Encoding": "gzip"}, sound.body)

    registry.always["blobs"] = marked
    pull(registry)


def test_old_manifests_are_named(registry: Server) -> None:
    body = encode({"schemaVersion": 1})
    kind = {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
    registry.always["manifests"] = lambda _: Answer(200, kind, body)
    with pytest.raises(UnsupportedFormat, match="schema 1"):
        pull(registry)


def test_nobody_there() -> None:
    with pytest.raises(SourceUnavailable, match="Connection refused"):
        load("registry:127.0.0.1:1/a").__enter__()


def test_plain_http_has_to_be_asked_for_elsewhere(registry: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.image.registry.client.is_loopback", lambda _: False)
    with pytest.raises(SourceUnavailable, match=r"does not speak TLS.*--plain-http"):
        pull(registry)
    assert pull(registry, access=Access(plain_http=True)).source == "registry"


# Logging in


def test_basic_login(registry: Server, tmp_path: Path) -> None:
    wants_basic(registry)
    pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))
    with pytest.raises(SourceUnavailable, match="refuses these credentials"):
        pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host, password="wrong")))
    with pytest.raises(SourceUnavailable, match="user name and password"):
        pull(registry, access=Access(authfile=write_authfile(tmp_path, "other.example")))


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_an_anonymous_token(registry: Server, key: str) -> None:
    server = TokenServer(registry)
    server.key = key
    pull(registry)
    assert server.given == 1


def test_a_token_for_a_user(registry: Server, tmp_path: Path) -> None:
    server = TokenServer(registry, user=Credentials("me", "secret:word").basic)
    pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host)))
    assert server.given == 1
    with pytest.raises(SourceUnavailable, match=r"refuses these credentials, which .*auth\.json gave \(401: UNAUTH"):
        pull(registry, access=Access(authfile=write_authfile(tmp_path, registry.host, password="wrong")))
    with pytest.raises(SourceUnavailable, match=r"refuses access \(401"):
        pull(registry)


def test_an_identity_token(registry: Server, tmp_path: Path) -> None:
    TokenServer(registry, refresh="the identity token")
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {registry.host: {"auth": "", "identitytoken": "the identity token"}}}))
    pull(registry, access=Access(authfile=path))


def test_a_token_that_runs_out_is_renewed(registry: Server) -> None:
    server = TokenServer(registry, lifetime=2)
    pull(registry)
    assert server.given == 2


def test_a_token_server_that_makes_no_sense(registry: Server) -> None:
    TokenServer(registry)
    for body in (b"", b"[]", b"{}", b"<html>", b'{"token": 5}', b'{"token": "a\\nb"}'):
        registry.always["/token"] = lambda _, body=body: Answer(200, {}, body)  # type: ignore[misc]
        with pytest.raises(CorruptImage, match="sent no token"):
            pull(registry)
    registry.always["/token"] = lambda _: Answer(404)
    with pytest.raises(SourceUnavailable, match="answers 404"):
        pull(registry)
    for challenge in ("Bearer", "Bearer realm=nowhere", "Negotiate", ""):
        header = {"WWW-Authenticate": challenge}
        registry.always["manifests"] = lambda _, header=header: Answer(401, header)  # type: ignore[misc]
        with pytest.raises(SourceUnavailable):
            pull(registry)


def test_a_token_that_never_does(registry: Server) -> None:
    server = TokenServer(registry, lifetime=0)
    with pytest.raises(SourceUnavailable, match="refuses access"):
        pull(registry)
    assert server.given <= 3


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="a b"', {"basic": {"realm": "a b"}}),
        ("Basic", {"basic": {}}),
        ('Bearer realm="https://x/t?a=b,c",service=s', {"bearer": {"realm": "https://x/t?a=b,c", "service": "s"}}),
        ('Bearer realm="r", Basic realm="q"', {"bearer": {"realm": "r"}, "basic": {"realm": "q"}}),
        ('Basic, Bearer realm="r",scope="a:b,c"', {"basic": {}, "bearer": {"realm": "r", "scope": "a:b,c"}}),
        ('bearer Realm="a\\"b"', {"bearer": {"realm": 'a"b'}}),
        ("", {}),
    ],
)  # fmt: skip
def test_challenges(header: str, expected: object) -> None:
    assert challenges(header) == expected


def _basic(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:p".encode()).decode()}


@pytest.mark.parametrize(
    ("host", "repository", "user"),
    [
        ("r.example", "team/app", "team-app"),
        ("r.example", "team/other", "team"),
        ("r.example", "elsewhere", "host"),
        ("r.example:5000", "a", "port"),
        ("docker.io", "library/x", "hub"),
        ("old.example", "a", "old"),
        ("none.example", "a", None),
        ("empty.example", "a", None),
    ],
)
def test_the_most_specific_entry_counts(tmp_path: Path, host: str, repository: str, user: str | None) -> None:
    auths = {
        "r.example": _basic("host"),
        "r.example/team": _basic("team"),
        "r.example/team/app": _basic("team-app"),
        "r.example:5000": _basic("port"),
        "https://index.docker.io/v1/": _basic("hub"),
        "https://old.example/v2/": _basic("old"),
        "empty.example": {},
    }
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": auths}))
    found = find(host, repository, path, {}).credentials
    assert (found.username if found else None) == user


def test_places_in_order(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    places = ["run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json"]
    for name in reversed(places):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"auths": {"h": _basic(name)}}))
        found = find("h", "r", None, environment).credentials
        assert found is not None
        assert found.username == name
    named = tmp_path / "named"
    named.write_text(json.dumps({"auths": {"h": _basic("named")}}))
    found = find("h", "r", None, {**environment, "REGISTRY_AUTH_FILE": str(named)}).credentials
    assert found is not None
    assert found.username == "named"
    assert find("other", "r", named, environment).credentials is None


def _helper(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_credential_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    _helper(folder, "one", 'read server; echo "{\\"Username\\": \\"$1 $server\\", \\"Secret\\": \\"s\\"}"')
    _helper(folder, "token", 'echo \'{"Username": "<token>", "Secret": "identity"}\'')
    _helper(folder, "none", "echo credentials not found in native keychain; exit 1")
    _helper(folder, "broken", "echo it is locked; exit 1")
    _helper(folder, "noise", "echo no json")
    _helper(folder, "empty", 'echo \'{"Username": "u", "Secret": ""}\'')
    _helper(folder, "number", 'echo \'{"Username": 7, "Secret": "s"}\'')
    _helper(folder, "null", 'echo \'{"Username": "u", "Secret": null}\'')
    path = tmp_path / "config.json"
    helpers = {"one.example": "one", "token.example": "token", "broken.example": "broken", "noise.example": "noise",
               "absent.example": "absent", "path.example": "../one", "none.example": "none",
               "empty.example": "empty", "number.example": "number", "null.example": "null"}  # fmt: skip
    path.write_text(json.dumps({"credHelpers": helpers, "credsStore": "none"}))
    found = {host: find(host, "r", path, {}) for host in [*helpers, "other.example"]}
    assert found["one.example"].credentials == Credentials("get one.example", "s")
    assert found["token.example"].credentials == Credentials(identity_token="identity")
    assert "it is locked" in found["broken.example"].note
    assert "docker-credential-absent" in found["absent.example"].note
    assert "can't be read" in found["noise.example"].note
    assert found["none.example"].note == found["other.example"].note == ""
    assert [host for host, lookup in found.items() if lookup.credentials] == ["one.example", "token.example"]
    path.write_text(json.dumps({"credsStore": "one"}))
    hub = find("docker.io", "library/x", path, {}).credentials
    assert hub is not None
    assert hub.username == "get https://index.docker.io/v1/"


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"auths": {"h": {"auth": "%%%"}}}', '{"auths": {"h": {"auth": "YQ=="}}}']
)
def test_a_broken_file_of_credentials(tmp_path: Path, content: str) -> None:
    path = tmp_path / "auth.json"
    path.write_text(content)
    if not content:
        assert find("h", "r", path, {}).credentials is None
        return
    with pytest.raises(UsageError, match=r"auth\.json"):
        find("h", "r", path, {})


def test_a_file_of_credentials_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        find("h", "r", tmp_path / "nothing", {})


def test_a_file_of_credentials_that_can_not_be_read(tmp_path: Path) -> None:
    """One that was named is an error, one of the usual places may be somebody else's."""
    (tmp_path / ".docker/config.json").mkdir(parents=True)
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    assert find("h", "r", None, environment).credentials is None
    with pytest.raises(UsageError, match=r"can't be read \(Is a directory\)"):
        find("h", "r", tmp_path / ".docker/config.json", environment)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
            "is not trusted (certificate verify failed: self-signed certificate)",
        ),
        ("CERTIFICATE_VERIFY_FAILED", "certificate is not trusted (CERTIFICATE_VERIFY_FAILED)"),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] internal error", "TLS fails ([SSL: TLSV1_ALERT_INTERNAL_ERROR]"),
        ("EOF occurred in violation of protocol", "the request failed (4 tries)"),
        ("TLS/SSL connection has been closed", "the request failed (4 tries)"),
    ],
)
def test_what_is_told_of_a_failure_of_tls(words: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may pass is tried again, a certificate that is not trusted isn't."""
    failing = Mock(side_effect=urllib3.exceptions.SSLError(words))
    monkeypatch.setattr(urllib3.PoolManager, "request", failing)
    with pytest.raises(SourceUnavailable) as caught:
        load("registry:registry.example/team/app:v1").__enter__()
    assert told in str(caught.value)
    assert failing.call_count == (4 if "tries" in told else 1)
    assert "--ca" in str(caught.value) or "tries" in told


def test_a_host_s_own_certificates(tmp_path: Path) -> None:
    """Authorities by their ending, whatever else lies there; a certificate of our own must be sound."""
    needs("openssl")
    make_certificates(tmp_path)
    folder = tmp_path / "certs.d"
    folder.mkdir()
    (tmp_path / "ca.crt").rename(folder / "any.crt")
    (folder / "notes.txt").write_text("nothing to do with it")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport._load_directory(context, folder)
    transport._load_directory(context, tmp_path / "nothing")
    assert len(context.get_ca_certs()) == 1
    (folder / "own.cert").write_text("no certificate")
    with pytest.raises(UsageError, match="a certificate can't be read"):
        transport._load_directory(context, folder)


def test_secrets_are_not_shown() -> None:
    assert "word" not in repr(Credentials("me", "word", "word"))


# Proxies


@pytest.mark.parametrize(
    ("host", "environment", "proxy"),
    [
        ("r.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("r.example", {"https_proxy": "p:1"}, "http://p:1"),
        ("r.example", {"HTTP_PROXY": "http://p:1"}, ""),
        ("r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, ""),
        ("r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example, other"}, ""),
        ("r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ""),
        ("r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample"}, "http://p:1"),
        ("10.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("11.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8,junk/8"}, "http://p:1"),
        ("localhost", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("127.0.0.5", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("::1", {"HTTPS_PROXY": "http://p:1"}, ""),
    ],
)
def test_proxies_from_the_environment(host: str, environment: dict[str, str], proxy: str) -> None:
    made = transport.Transport(host, environment=environment)
    assert made._proxy("https", host) == proxy


@pytest.mark.parametrize(("without", "through"), [("", True), ("r.example", False), ("other.example", True)])
def test_a_connection_goes_through_the_proxy_of_its_host(without: str, through: bool) -> None:
    environment = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": without}
    pool = transport.Transport("r.example", environment=environment)._pool("https://r.example/v2/")
    assert isinstance(pool, urllib3.ProxyManager) is through


def test_a_pull_through_a_proxy(registry: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:pass@{registry.host}")
    original = registry.answer
    seen = []

    def forward(asked: Asked) -> Answer:
        seen.append(asked)
        return original(Asked(urlsplit(asked.path).path, asked.headers))

    registry.answer = forward  # type: ignore[method-assign]
    with load("registry:r.example/team/app:v1", access=Access(plain_http=True)) as image:
        assert image.source == "registry"
    assert all(asked.path.startswith("http://r.example/v2/team/app/") for asked in seen)
    assert seen[0].headers["proxy-authorization"] == Credentials("user", "pass").basic


# Indexes


def test_all_platforms_read_shared_layers_once() -> None:
    layout = Layout()
    own = {name: tar([program("bin/tool", f"\x7fELF {name}"), file(name)]) for name in ("amd64", "arm64", "s390x")}
    entries = []
    for name, layer in own.items():
        platform: Json = {"os": "linux", "architecture": name}
        stack = [LAYERS[0], layer]
        entries.append(layout.manifest(stack, settings=config(stack, **platform), platform=platform))
    index = layout.index(entries)
    server = Server(layout, {"v1": str(index["digest"])})
    server.types[str(index["digest"])] = INDEX
    seen: list[events.Event] = []
    with serving(server), load_index(f"registry:{server.host}/team/app:v1", listener=seen.append) as images:
        assert [str(platform) for platform in images.platforms] == ["linux/amd64", "linux/arm64", "linux/s390x"]
        assert images.digest == index["digest"]
        for image, name in zip(images.images(), own, strict=True):
            assert image.config.platform.architecture == name
            assert str(image.offered_as) == f"linux/{name}"
            assert image.tree.find(f"/{name}").node is not None
    blobs = [asked.path for asked in server.asked if asked.kind == "blobs"]
    assert len(blobs) == len(set(blobs)) == 7
    assert sum(event.reused for event in seen if isinstance(event, events.LayerFinished)) == 2
    with serving(server), load(f"registry:{server.host}/team/app:v1", platform=parse_platform("arm64")) as one:
        assert one.digest == entries[1]["digest"]
        assert one.config.platform.architecture == "arm64"


def test_an_image_without_index_is_one_platform(registry: Server) -> None:
    with load_index(f"{registry.host}/team/app:v1") as images:
        assert [str(platform) for platform in images.platforms] == ["linux/amd64"]
        assert images.digest is None
        assert [image.source for image in images.images()] == ["registry"]


def test_errors_are_one_line(registry: Server) -> None:
    registry.always["manifests"] = lambda _: Answer(
        418, {}, encode({"errors": [{"code": "A\nB", "message": "c\x1b[1m"}]})
    )
    with pytest.raises(AuditError) as caught:
        pull(registry)
    assert str(caught.value).isprintable()


def _raised(how: str) -> Exception:
    """An error that something of the network led to."""
    try:
        try:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "no")
        except OSError as error:
            if how == "from it":
                raise urllib3.exceptions.HTTPError("x") from error
            raise urllib3.exceptions.HTTPError("x")  # noqa: B904 - that is the case
    except urllib3.exceptions.HTTPError as error:
        return error


@pytest.mark.parametrize("how", ["from it", "while it was handled"])
def test_the_words_of_the_system_are_told_however_an_error_was_raised(how: str) -> None:
    assert transport._reason(_raised(how)) == os.strerror(errno.ECONNREFUSED)


def test_an_error_without_words_of_the_system() -> None:
    assert transport._reason(urllib3.exceptions.HTTPError("x")) == "the request failed"
    assert transport._reason(urllib3.exceptions.ProtocolError("x")) == "the connection broke"
    assert transport._reason(urllib3.exceptions.TimeoutError()) == "does not answer in time"
