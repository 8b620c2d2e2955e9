"""The daemon is found where the docker command would find it."""

import hashlib
import json
from pathlib import Path

import pytest

from auditor.errors import SourceUnavailable
from auditor.image.source.docker_endpoint import LOCAL, Endpoint, find


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
