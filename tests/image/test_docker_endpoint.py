"""The daemon is found where the docker command would find it."""

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import SourceUnavailable
from auditor.image.reference import parse_name
from auditor.image.source import podman
from auditor.image.source.docker_endpoint import LOCAL, Endpoint, find

_NO_DOCKER = ("1", "[]", "{}", '{"Host": 1}', '{"Host": ""}')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two contexts, one of them over TLS."""
    folder = tmp_path / ".docker"
    contexts = {"far": {"Host": "tcp://far:2376", "SkipTLSVerify": False}, "ssh": {"Host": "ssh://me@far"}}
    for name, docker in contexts.items():
        identity = hashlib.sha256(name.encode()).hexdigest()
        meta = folder / "contexts/meta" / identity
        meta.mkdir(parents=True)
        (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": docker}}))
        if name == "far":
            files = folder / "contexts/tls" / identity / "docker"
            files.mkdir(parents=True)
            for part in ("ca", "cert", "key"):
                (files / f"{part}.pem").write_text(part)
    return tmp_path


def test_contexts_and_the_environment(home: Path) -> None:
    environment = {"HOME": str(home)}
    tls = str(home / ".docker/contexts/tls" / hashlib.sha256(b"far").hexdigest() / "docker")
    far = Endpoint("tcp://far:2376", True, True, f"{tls}/ca.pem", f"{tls}/cert.pem", f"{tls}/key.pem")
    assert find({**environment, "DOCKER_CONTEXT": "far"}) == far
    assert find({**environment, "DOCKER_CONTEXT": "ssh"}) == Endpoint("ssh://me@far")
    config = home / ".docker/config.json"
    config.write_text(json.dumps({"currentContext": "far"}))
    assert find(environment) == far
    assert find({"DOCKER_CONFIG": str(home / ".docker")}) == far
    assert find({**environment, "DOCKER_CONTEXT": "ssh"}) == Endpoint("ssh://me@far")
    assert find({**environment, "DOCKER_CONTEXT": "ssh", "DOCKER_HOST": "tcp://near:1"}) == Endpoint("tcp://near:1")


def test_tls_from_the_environment(home: Path) -> None:
    (home / "ca.pem").write_text("ca")
    environment = {"HOME": str(home), "DOCKER_HOST": "tcp://h:1", "DOCKER_CERT_PATH": str(home)}
    assert find(environment) == Endpoint("tcp://h:1")
    assert find({**environment, "DOCKER_TLS_VERIFY": "1"}) == Endpoint("tcp://h:1", True, True, str(home / "ca.pem"))
    assert find({**environment, "DOCKER_TLS": "1"}) == Endpoint("tcp://h:1", True, False, str(home / "ca.pem"))
    assert find({**environment, "DOCKER_TLS_VERIFY": ""}) == Endpoint("tcp://h:1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_may_not_be_looked_into_is_left_to_who_connects(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    host = f"unix://{closed}/d.sock"
    assert find({"HOME": str(tmp_path), "DOCKER_HOST": host}) == Endpoint(host)


@pytest.mark.parametrize("endpoints", ["1", "{}", *(f'{{"docker": {one}}}' for one in _NO_DOCKER)])
def test_a_context_without_an_address(endpoints: str, home: Path) -> None:
    (meta,) = (home / ".docker/contexts/meta" / hashlib.sha256(b"far").hexdigest()).iterdir()
    meta.write_text(f'{{"Endpoints": {endpoints}}}')
    with pytest.raises(SourceUnavailable, match="context 'far' has no address"):
        find({"HOME": str(home), "DOCKER_CONTEXT": "far"})


@pytest.mark.parametrize(("skips", "verified"), [(True, False), (False, True), (None, True), ("yes", True)])
def test_a_daemon_is_verified_unless_a_context_says_otherwise(skips: object, verified: bool, home: Path) -> None:
    (meta,) = (home / ".docker/contexts/meta" / hashlib.sha256(b"far").hexdigest()).iterdir()
    meta.write_text(json.dumps({"Endpoints": {"docker": {"Host": "tcp://far:2376", "SkipTLSVerify": skips}}}))
    assert find({"HOME": str(home), "DOCKER_CONTEXT": "far"}).verify is verified


def test_what_is_named_and_not_there(home: Path) -> None:
    environment = {"HOME": str(home)}
    with pytest.raises(SourceUnavailable, match="context 'other' has no address"):
        find({**environment, "DOCKER_CONTEXT": "other"})
    with pytest.raises(SourceUnavailable, match=r"there is no /nowhere/d\.sock"):
        find({**environment, "DOCKER_HOST": "unix:///nowhere/d.sock"})
    (home / ".docker/config.json").write_text("{")
    with pytest.raises(SourceUnavailable, match=r"config\.json: can't be read"):
        find(environment)
    (home / ".docker/config.json").unlink()
    if Path(LOCAL.removeprefix("unix://")).exists():
        assert find(environment) == Endpoint(LOCAL)
    else:
        with pytest.raises(SourceUnavailable, match="there is no /var/run"):
            find(environment)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A user's runtime folder with podman's socket; a socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="ai-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder, "podman/podman.sock")
        path.parent.mkdir()
        listener.bind(str(path))
        yield Path(folder)


def test_podman_is_found_where_it_is_said_or_in_the_user_s_folder(runtime: Path, tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(runtime)}
    assert podman._address(environment, "here") == f"unix://{runtime}/podman/podman.sock"
    assert podman._address({**environment, "CONTAINER_HOST": "tcp://far:1"}, "here") == "tcp://far:1"
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman/podman.sock").write_text("no socket")
    if not Path("/run/podman/podman.sock").exists():
        with pytest.raises(SourceUnavailable, match="podman's socket is not there"):
            podman._address({"XDG_RUNTIME_DIR": str(tmp_path)}, "here")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("app:1", ["docker.io/library/app:1", "localhost/app:1"]),
        ("team/app:1", ["docker.io/team/app:1", "localhost/team/app:1"]),
        ("quay.io/team/app:1", ["quay.io/team/app:1"]),
    ],
)
def test_podman_s_names_of_what_was_built_here(name: str, names: list[str]) -> None:
    assert podman._names(parse_name(name)) == names
