"""The same image from a real registry, Docker daemon and podman as from files."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import events
from auditor.auditing.load import load, load_index
from auditor.errors import ImageNotFound, SourceUnavailable
from auditor.image import Access, parse_platform
from auditor.image.platforms import host_platform
from tests.image.build import Json, Layout, config, docker_archive, file, folder, link, program, tar, whiteout
from tests.image.servers import (
    RealRegistry,
    free_port,
    make_certificates,
    needs,
    real_dockerd,
    real_podman,
    real_registry,
    run,
)
from tests.image.test_sources import summary

pytestmark = pytest.mark.full

SHARED_LAYER = tar(
    [folder("bin"), program("bin/tool", b"\x7fELF" + bytes(200_000)), link("sbin", "bin"), file("gone", "x", 0o755)]
)
PLATFORMS = ("amd64", "arm64", "ppc64le", "s390x")


def layers(architecture: str) -> list[bytes]:
    """Three layers, two of them every platform's, one of them listed twice."""
    return [
        SHARED_LAYER,
        tar([program("bin/own", f"\x7fELF {architecture}"), whiteout("gone")]),
        tar([file("etc/x", "x")]),
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`layout` is an index of four platforms, `image.tar` the one of this machine's architecture."""
    path = tmp_path_factory.mktemp("images")
    layout = Layout()
    entries = []
    for name in PLATFORMS:
        platform: Json = {"os": "linux", "architecture": name}
        entries.append(layout.manifest(layers(name), settings=config(layers(name), **platform), platform=platform))
    layout.add(layout.index(entries), "v1")
    layout.write(path / "layout")
    here = host_platform().architecture
    settings = config(layers(here), os="linux", architecture=here)
    (path / "image.tar").write_bytes(docker_archive(layers(here), tags=["team/app:v1"], settings=settings))
    return path


@pytest.fixture(scope="module")
def registry(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("registry")) as server:
        server.push(f"oci:{place}/layout:v1", "team/app:v1")
        server.push(f"docker-archive:{place}/image.tar", "team/app:docker", "--format", "v2s2")
        server.push(
            f"docker-archive:{place}/image.tar", "team/app:zstd", "--format", "oci", "--dest-compress-format", "zstd"
        )
        yield server


@pytest.fixture(scope="module")
def docker(place: Path) -> Iterator[str]:
    with real_dockerd() as daemon:
        run("skopeo", "copy", "-q", "--dest-daemon-host", daemon.address, f"docker-archive:{place}/image.tar",
            "docker-daemon:team/app:v1")  # fmt: skip
        yield daemon.address


@pytest.fixture(scope="module")
def podman(place: Path) -> Iterator[str]:
    with real_podman() as daemon:
        run(*daemon.command, "load", "-i", place / "image.tar")
        run(*daemon.command, "tag", "localhost/team/app:v1", "quay.io/team/app:v2")
        yield daemon.address


@pytest.fixture
def from_file(place: Path) -> object:
    with load(f"docker-archive:{place}/image.tar") as image:
        return summary(image)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own settings."""
    for name in (
        "DOCKER_HOST",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "DOCKER_CONTEXT",
        "CONTAINER_HOST",
        "REGISTRY_AUTH_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / ".docker"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


@pytest.mark.parametrize("scheme", ["", "docker:"])
def test_a_short_id_as_docker_images_prints_it(
    docker: str, from_file: object, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker)
    with load("docker:team/app:v1") as image:
        identity = str(image.config_digest).partition(":")[2]
    with load(f"{scheme}{identity[:12]}") as image:
        assert image.source == "docker"
        assert summary(image) == from_file


@pytest.mark.parametrize("tag", ["v1", "docker", "zstd"])
def test_a_registry_gives_the_same_image(registry: RealRegistry, from_file: object, tag: str) -> None:
    access = Access(registry.authfile, registry.ca)
    with load(f"registry:{registry.host}/team/app:{tag}", access=access) as image:
        assert summary(image) == from_file
        assert image.source == "registry"
        digest = image.digest
    with load(f"registry:{registry.host}/team/app@{digest}", access=access) as again:
        assert (again.digest, summary(again)) == (digest, from_file)


def test_a_registry_of_four_platforms(registry: RealRegistry, place: Path) -> None:
    access = Access(registry.authfile, registry.ca)
    seen: list[events.Event] = []
    with (
        load_index(f"{registry.host}/team/app:v1", access=access, listener=seen.append) as remote,
        load_index(f"oci-dir:{place}/layout:v1") as local,
    ):
        assert remote.digest == local.digest
        assert tuple(map(str, remote.platforms)) == tuple(f"linux/{name}" for name in PLATFORMS)
        for ours, theirs in zip(remote.images(), local.images(), strict=True):
            assert summary(ours) == summary(theirs)
            assert ours.digest == theirs.digest
    read = sum(event.read for event in seen if isinstance(event, events.LayerFinished))
    with load_index(f"oci-dir:{place}/layout:v1") as index:
        unique = {layer.digest: layer.size or 0 for image in index.images() for layer in image.layers}
    assert read == sum(unique.values())
    with load(f"{registry.host}/team/app:v1", access=access, platform=parse_platform("s390x")) as image:
        assert image.config.platform.architecture == "s390x"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"authfile": None}, "wants a user name and password"),
        ({"ca": None}, "certificate is not trusted.*--ca"),
        ({"plain_http": True}, "400"),
    ],
)
def test_a_registry_that_does_not_let_us_in(registry: RealRegistry, change: dict[str, object], words: str) -> None:
    settings = {"authfile": registry.authfile, "ca": registry.ca, **change}
    with pytest.raises(SourceUnavailable, match=words):
        load(f"registry:{registry.host}/team/app:v1", access=Access(**settings)).__enter__()  # type: ignore[arg-type]


def test_a_registry_without_the_image(registry: RealRegistry) -> None:
    access = Access(registry.authfile, registry.ca)
    for name in ("team/app:other", "team/nothing:v1"):
        with pytest.raises(ImageNotFound, match="404"):
            load(f"registry:{registry.host}/{name}", access=access).__enter__()
    with pytest.raises(ImageNotFound, match="linux/riscv64"):
        load(f"registry:{registry.host}/team/app:v1", access=access, platform=parse_platform("riscv64")).__enter__()


def test_where_podman_and_docker_keep_logins_and_authorities(
    registry: RealRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = tmp_path / ".config/containers/certs.d" / registry.host
    certificates.mkdir(parents=True)
    (certificates / "ca.crt").write_bytes(registry.ca.read_bytes())
    logins = tmp_path / ".docker"
    logins.mkdir()
    (logins / "config.json").write_bytes(registry.authfile.read_bytes())
    with load(f"registry:{registry.host}/team/app:v1") as image:
        assert image.source == "registry"
    (logins / "config.json").unlink()
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(registry.authfile))
    with load(f"registry:{registry.host}/team/app:v1") as image:
        assert image.source == "registry"


def test_docker_gives_the_same_image(docker: str, from_file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker)
    seen: list[events.Event] = []
    for text in ("docker:team/app:v1", "team/app:v1", "docker.io/team/app:v1"):
        with load(text, listener=seen.append) as image:
            assert summary(image) == from_file
            assert (image.source, image.digest) == ("docker", None)
    assert not any(isinstance(event, events.SourceTried) for event in seen)
    assert any(isinstance(event, events.ImageSpooled) for event in seen)


def test_docker_without_the_image(docker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker)
    with pytest.raises(ImageNotFound, match="has no such image"):
        load("docker:team/app:v2").__enter__()
    other = "s390x" if host_platform().architecture != "s390x" else "amd64"
    with pytest.raises(ImageNotFound, match=f"not for linux/{other}"):
        load("docker:team/app:v1", platform=parse_platform(other)).__enter__()


def test_what_docker_lacks_comes_from_the_registry(
    docker: str, registry: RealRegistry, from_file: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker)
    seen: list[events.Event] = []
    access = Access(registry.authfile, registry.ca)
    with load(f"{registry.host}/team/app:v1", access=access, listener=seen.append) as image:
        assert (image.source, summary(image)) == ("registry", from_file)
    assert [event.reason for event in seen if isinstance(event, events.SourceTried)] == [
        "the Docker daemon has no such image"
    ]


def test_docker_by_context(docker: str, from_file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("docker")
    run("docker", "context", "create", "elsewhere", "--docker", f"host={docker}")
    with pytest.raises(SourceUnavailable, match="does not answer"):
        load("docker:team/app:v1").__enter__()
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    with load("docker:team/app:v1") as image:
        assert summary(image) == from_file
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(SourceUnavailable, match="context 'nowhere' has no address"):
        load("docker:team/app:v1").__enter__()
    monkeypatch.delenv("DOCKER_CONTEXT")
    run("docker", "context", "use", "elsewhere")
    with load("docker:team/app:v1") as image:
        assert summary(image) == from_file


def test_docker_over_tls(place: Path, from_file: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("openssl")
    make_certificates(tmp_path)
    for name, source in (("ca.pem", "ca.crt"), ("cert.pem", "server.crt"), ("key.pem", "server.key")):
        (tmp_path / name).write_bytes((tmp_path / source).read_bytes())
    port = free_port()
    options = ["-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", tmp_path / "ca.pem", "--tlscert",
               tmp_path / "cert.pem", "--tlskey", tmp_path / "key.pem"]  # fmt: skip
    with real_dockerd(*options, ready=port) as daemon:
        run("skopeo", "copy", "-q", "--dest-daemon-host", daemon.address, f"docker-archive:{place}/image.tar",
            "docker-daemon:team/app:v1")  # fmt: skip
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        with pytest.raises(SourceUnavailable):
            load("docker:team/app:v1").__enter__()
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
        with load("docker:team/app:v1") as image:
            assert summary(image) == from_file


def test_podman_gives_the_same_image(podman: str, from_file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_HOST", podman)
    for text in ("podman:team/app:v1", "podman:localhost/team/app:v1", "podman:quay.io/team/app:v2"):
        with load(text) as image:
            assert summary(image) == from_file
            assert image.source == "podman"
    with pytest.raises(ImageNotFound, match="podman has no such image"):
        load("podman:team/app:v2").__enter__()


def test_podman_at_its_usual_place(podman: str, from_file: object, tmp_path: Path) -> None:
    usual = tmp_path / "run/podman"
    usual.mkdir(parents=True)
    (usual / "podman.sock").symlink_to(podman.removeprefix("unix://"))
    with load("podman:team/app:v1") as image:
        assert summary(image) == from_file


def test_daemons_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme, variable in (("docker", "DOCKER_HOST"), ("podman", "CONTAINER_HOST")):
        for address in (f"unix://{tmp_path}/nothing.sock", "tcp://127.0.0.1:1", "nonsense://x", "http://127.0.0.1:1"):
            monkeypatch.setenv(variable, address)
            before = time.monotonic()
            with pytest.raises(SourceUnavailable) as caught:
                load(f"{scheme}:team/app:v1").__enter__()
            assert "\n" not in str(caught.value)
            assert time.monotonic() - before < 10


def test_a_daemon_that_is_stopped_while_it_sends(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with real_dockerd() as daemon:
        run("skopeo", "copy", "-q", "--dest-daemon-host", daemon.address, f"docker-archive:{place}/image.tar",
            "docker-daemon:team/app:v1")  # fmt: skip
        monkeypatch.setenv("DOCKER_HOST", daemon.address)
        pid = int((daemon.folder / "pid").read_text())

        def stop(event: events.Event) -> None:
            if isinstance(event, events.ImageSpooled):
                subprocess.run(["kill", "-KILL", str(pid)], check=False)

        try:
            with load("docker:team/app:v1", listener=stop) as image:  # all of it may have come already
                assert image.source == "docker"
        except SourceUnavailable as error:
            assert "\n" not in str(error)
