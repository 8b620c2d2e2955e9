"""Daemons, helpers and registries that stall, flood or drip: one clear line, within a bound."""

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from auditor import events
from auditor.auditing.load import load
from auditor.errors import AuditError, SourceUnavailable, UnsupportedFormat, UsageError
from auditor.image.registry import helpers
from auditor.image.registry.conversation import Pace
from auditor.image.registry.credentials import find
from auditor.image.registry.transport import Patience
from auditor.image.source import docker_daemon
from auditor.image.source import registry as source
from tests.image.build import file, write_docker_archive
from tests.image.misbehaving import Answer, Server
from tests.image.pulls import pull, quick, registry

__all__ = ["quick", "registry"]  # fixtures
pytestmark = pytest.mark.usefixtures("quick")

Speak = Callable[[socket.socket], None]


def until_gone(connection: socket.socket, *pieces: bytes, pause: float = 0.0) -> None:
    """Send the last piece again and again, until the other end has gone."""
    for piece in pieces[:-1]:
        connection.sendall(piece)
    while True:
        connection.sendall(pieces[-1])
        time.sleep(pause)


def silent(connection: socket.socket) -> None:
    """Listen until the other end has gone."""
    while connection.recv(1 << 16):
        pass


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MANNERS: dict[str, Speak] = {
    "says nothing": silent,
    "drips its status line": lambda connection: until_gone(connection, b"H", pause=0.05),
    "drips its body": lambda connection: until_gone(
        connection, HEAD + b"Content-Length: 9000000\r\n\r\n", b"x", pause=0.05
    ),
    "drips chunks": lambda connection: until_gone(
        connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause=0.05
    ),
    "floods with headers": lambda connection: until_gone(connection, HEAD, b"X-A: " + b"b" * 60_000 + b"\r\n"),
    "floods with interim answers": lambda connection: until_gone(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "floods with its body": lambda connection: until_gone(connection, HEAD + b"\r\n", b" " * 100_000),
}


@contextmanager
def speaking(speak: Speak, family: int, address: tuple[str, int] | str) -> Iterator[socket.socket]:
    """A server that reads a request and then does as it likes; at the end it is gone with all that it was saying, since
    who has given up listening to a daemon leaves a thread that still reads.
    """
    spoken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            spoken.append(connection)
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(1 << 16)
                speak(connection)
            except OSError:
                pass

    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen()
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in spoken:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_registry_that(manner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(connect=1, silence=0.3, total=0.4)
    monkeypatch.setattr(source, "PATIENCE", Patience(tries=2, first=0.001, longest=0.01, pace=pace))
    with speaking(MANNERS[manner], socket.AF_INET, ("127.0.0.1", 0)) as listener, pytest.raises(AuditError) as caught:
        load(f"registry:127.0.0.1:{listener.getsockname()[1]}/a").__enter__()
    assert str(caught.value).startswith("registry:127.0.0.1:")


def test_a_blob_that_drips(registry: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate counts, not the sum: what comes fast enough may be long."""
    monkeypatch.setattr(
        source, "PATIENCE", Patience(tries=3, first=0.001, longest=0.01, pace=Pace(total=0.2, slowest=1))
    )
    pull(registry)
    with speaking(MANNERS["drips its body"], socket.AF_INET, ("127.0.0.1", 0)) as listener:
        there = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        registry.always["blobs"] = lambda _: Answer(307, {"Location": there})
        monkeypatch.setattr(source, "PATIENCE", Patience(tries=3, first=0.001, longest=0.01, pace=Pace(total=0.2)))
        with pytest.raises(SourceUnavailable, match="its answer takes too long"):
            pull(registry)


@pytest.mark.parametrize(
    ("after", "waits"), [("61", False), ("3600", False), ("²", True), ("-5", True), ("x" * 9000, True)]
)
def test_how_long_a_registry_may_ask_to_wait(registry: Server, after: str, waits: bool) -> None:
    registry.fail("manifests", Answer(503, {"Retry-After": after.encode().decode("latin-1")}))
    if waits:
        pull(registry)
        return
    with pytest.raises(SourceUnavailable, match=rf"answers 503, and asks to wait {after} s \(1 try\)"):
        pull(registry)


# The Docker daemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(docker_daemon, "_ANSWER", 1)
    folder = Path("/tmp") / f"ai-{os.getpid()}-{abs(hash(tmp_path)) % 10**8}"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}.sock")
    return f"{folder}.sock"


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("scheme", ["", "docker:"])
def test_a_daemon_that(manner: str, scheme: str, daemon: str, registry: Server) -> None:
    try:
        with speaking(MANNERS[manner], socket.AF_UNIX, daemon), pytest.raises(AuditError) as caught:
            load(f"{scheme}{registry.host}/team/app:v1").__enter__()
    finally:
        Path(daemon).unlink()
    assert str(caught.value).startswith(f"docker:{registry.host}/team/app:v1: the Docker daemon ")
    assert "write docker: or registry:" in str(caught.value)
    assert not registry.asked


def test_a_socket_that_nobody_listens_to(daemon: str, registry: Server) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(daemon)
    try:
        with load(f"{registry.host}/team/app:v1") as image:
            assert image.source == "registry"
    finally:
        Path(daemon).unlink()


def test_a_daemon_that_may_not_be_asked(daemon: str, registry: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _refusing(socket.socket.connect, daemon))
    Path(daemon).touch()
    seen: list[events.Event] = []
    try:
        with load(f"{registry.host}/team/app:v1", listener=seen.append) as image:
            assert image.source == "registry"
    finally:
        Path(daemon).unlink()
    warned = [event for event in seen if isinstance(event, events.SourcePassedOver)]
    assert [event.source for event in warned] == ["the Docker daemon"]
    assert "Permission denied" in warned[0].reason
    assert registry.tags["v1"] in warned[0].taken


def _refusing(connect: Callable[[Any, Any], None], refused: str) -> Callable[[Any, Any], None]:
    def replaced(self: Any, address: Any) -> None:
        if address == refused:
            raise PermissionError(13, "Permission denied")
        connect(self, address)

    return replaced


# Credential helpers


def helper(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir()
    program = folder / "docker-credential-it"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    config = folder / "config.json"
    config.write_text('{"credsStore": "it"}')
    return config


@pytest.mark.parametrize(
    ("script", "note", "said"),
    [
        ("exec sleep 60", "docker-credential-it does not answer within 1 s", True),
        ("exec yes", "docker-credential-it: its answer has no end", False),
        ("exec <&- ; exec sleep 60", "docker-credential-it does not answer within 1 s", True),
        (
            'echo \'{"Username": "me", "Secret": "\\ud800"}\'',
            "docker-credential-it: its answer has letters that can't be sent",
            False,
        ),
    ],
)
def test_a_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, note: str, said: bool) -> None:
    monkeypatch.setattr(helpers, "SECONDS", 1.0)
    monkeypatch.setattr(helpers, "PATIENCE", 0.2)
    config = helper(tmp_path / "bin", script, monkeypatch)
    seen: list[events.Event] = []
    assert find("h", "r", config, {}, seen.append).note == note
    assert [type(event) for event in seen] == [events.Waiting] * said


def test_a_helper_says_where_the_credentials_are_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = helper(tmp_path / "bin", 'echo \'{"Username": "me", "Secret": "s"}\'', monkeypatch)
    assert find("h", "r", config, {}).origin == "docker-credential-it"


def test_what_is_no_password(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text('{"auths": {"h": {"username": "me", "password": "\\ud800"}}}')
    with pytest.raises(UsageError, match="letters that can't be sent"):
        find("h", "r", path, {})
    path.write_text('{"credsStore": "a\\u0000b"}')
    assert "is no helper's name" in find("h", "r", path, {}).note


# Pipes


@pytest.mark.parametrize("scheme", ["docker-archive:", "oci-archive:", ""])
def test_a_named_pipe_is_not_waited_for(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(UnsupportedFormat, match="is a named pipe, which is not waited for"):
        load(f"{scheme}{path}").__enter__()


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_an_archive_on_standard_input(tmp_path: Path, name: str) -> None:
    archive = write_docker_archive(tmp_path / "a.tar", [file("etc/conf", "x")])
    code = (
        "import sys; from auditor.auditing.load import load\n"
        "with load('docker-archive:' + sys.argv[1]) as image: print(len(image.layers))"
    )
    with archive.open("rb") as given:
        cat = subprocess.Popen(["cat"], stdin=given, stdout=subprocess.PIPE)
        done = subprocess.run(
            [sys.executable, "-c", code, name], stdin=cat.stdout, capture_output=True, text=True, check=False
        )
        cat.wait()
    assert done.stdout == "1\n", done.stderr
