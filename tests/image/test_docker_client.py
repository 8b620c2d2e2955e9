"""What the docker SDK is asked for: a daemon's certificates, its own authority, and answers that have an end."""

import http.client
from typing import Any
from unittest.mock import Mock

import pytest
from docker import APIClient  # type: ignore[import-untyped]

from auditor.image.source import docker_client
from auditor.image.source.docker_client import DaemonClient, connect
from auditor.image.source.docker_endpoint import Endpoint


@pytest.mark.parametrize(
    ("endpoint", "tls"),
    [
        (Endpoint("tcp://h:1"), None),
        (Endpoint("tcp://h:1", certificate="/c", key="/k"), None),
        (Endpoint("tcp://h:1", True, True, "/ca", "/c", "/k"), {"client_cert": ("/c", "/k"), "verify": True}),
        (Endpoint("tcp://h:1", True, False, "/ca", "/c", "/k"), {"client_cert": ("/c", "/k"), "verify": False}),
        # A certificate without its key is none, and a key without it neither.
        (Endpoint("tcp://h:1", True, True, "/ca", "/c", None), {"client_cert": None, "verify": True}),
        (Endpoint("tcp://h:1", True, True, "/ca", None, "/k"), {"client_cert": None, "verify": True}),
        (Endpoint("tcp://h:1", True, True, "/ca"), {"client_cert": None, "verify": True}),
    ],
)
def test_certificates(endpoint: Endpoint, tls: dict[str, object] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    config, client = Mock(), Mock()
    monkeypatch.setattr(docker_client, "TLSConfig", config)
    monkeypatch.setattr(docker_client, "DaemonClient", client)
    connect(endpoint, 7)
    assert [call.kwargs for call in config.mock_calls] == ([{"ca_cert": "/ca", **tls}] if tls else [])
    (asked,) = client.mock_calls
    assert asked.kwargs == {
        "base_url": "tcp://h:1",
        "tls": config.return_value if tls else False,
        "version": "auto",
        "timeout": 7,
        "use_ssh_client": True,
    }


@pytest.fixture
def client() -> DaemonClient:
    return DaemonClient(base_url="tcp://h:1", version="1.41")


@pytest.mark.parametrize(("verify", "used"), [(True, "/environment"), (False, False), ("/ca", "/ca")])
def test_the_environment_s_authority_does_not_replace_the_daemon_s_own(
    client: DaemonClient, verify: object, used: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment")
    client.verify = verify
    assert client.merge_environment_settings("https://h:1/", {}, None, True, None)["verify"] == used


class Answer:
    """An answer of so many bytes, in parts."""

    def __init__(self, size: int) -> None:
        self.size, self.closed = size, False
        self._content, self._content_consumed = b"", False

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def iter_content(self, length: int) -> Any:
        return (b"x" * min(length, self.size - at) for at in range(0, self.size, length))


@pytest.mark.parametrize(("size", "has_end"), [(0, True), (1 << 16, True), (1 << 17, True), ((1 << 17) + 1, False)])
def test_an_answer_that_is_read_whole_has_an_end(
    client: DaemonClient, size: int, has_end: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pieces at most."""
    monkeypatch.setattr(docker_client, "_ANSWER", 1 << 17)
    answer = Answer(size)
    monkeypatch.setattr(APIClient, "send", Mock(return_value=answer))
    if not has_end:
        with pytest.raises(http.client.HTTPException, match="its answer has no end"):
            client.send("request")
    else:
        assert client.send("request") is answer
        assert (len(answer._content), answer._content_consumed) == (size, True)
    assert answer.closed


def test_a_stream_is_left_to_its_reader(client: DaemonClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(1 << 20)
    monkeypatch.setattr(APIClient, "send", Mock(return_value=answer))
    assert client.send("request", stream=True) is answer
    assert (answer._content, answer.closed) == (b"", False)
