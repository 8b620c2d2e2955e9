"""Real servers on loopback, started for a test and stopped after it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def needs(*programs: str) -> None:
    """Skip where a program is not installed; fixtures/system-packages.txt names their packages."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")


def run(*command: object, **options: object) -> str:
    """A command that has to succeed; what it prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return str(done.stdout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    command: Sequence[object], log: Path, ready: object, seconds: float = 60, **options: object
) -> Iterator[None]:
    """Run a server until the block ends. `ready` is a port or a socket's path."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=output,
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )
    try:
        end = time.monotonic() + seconds
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{command[0]} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(ready: object) -> bool:
    try:
        if isinstance(ready, int):
            socket.create_connection(("127.0.0.1", ready), 1).close()
        else:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(ready))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class RealRegistry:
    """Debian's docker-registry with TLS and a password file. `ca` signed its certificate."""

    host: str
    ca: Path
    authfile: Path
    folder: Path

    def push(self, source: str, name: str, *options: str) -> None:
        """Copy an image, with all its platforms, into the registry."""
        run(
            "skopeo", "copy", "-q", "--all", *options, "--dest-authfile", self.authfile,
            "--dest-cert-dir", self.ca.parent, source, f"docker://{self.host}/{name}",
        )  # fmt: skip


USER, PASSWORD = "auditor", "open sesame"


@contextmanager
def real_registry(folder: Path) -> Iterator[RealRegistry]:
    """An empty registry."""
    needs("docker-registry", "skopeo", "openssl", "htpasswd")
    certificates = folder / "certs"
    certificates.mkdir(parents=True)
    make_certificates(certificates)
    (folder / "htpasswd").write_text(run("htpasswd", "-Bbn", USER, PASSWORD))
    port = free_port()
    host = f"localhost:{port}"
    (folder / "config.yml").write_text(
        f"""
version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http:
  addr: 127.0.0.1:{port}
  tls: {{certificate: {certificates}/server.crt, key: {certificates}/server.key}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""
    )
    command = ["docker-registry", "serve", folder / "config.yml"]
    with started(command, folder / "log", port):
        authfile = folder / "auth.json"
        ca = folder / "trusted/ca.crt"
        ca.parent.mkdir()
        ca.write_bytes((certificates / "ca.crt").read_bytes())
        run("skopeo", "login", "--authfile", authfile, "--cert-dir", ca.parent, "-u", USER, "-p", PASSWORD, host)
        yield RealRegistry(host, ca, authfile, folder)


def make_certificates(folder: Path) -> None:
    """A private authority, and a server's certificate for localhost."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
        "-keyout", folder / "authority.pem", "-out", folder / "ca.crt")  # fmt: skip
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
        "-keyout", folder / "server.key", "-out", folder / "server.csr")  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("openssl", "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.crt", "-CAkey",
        folder / "authority.pem", "-CAcreateserial", "-days", "2", "-extfile", folder / "names",
        "-out", folder / "server.crt")  # fmt: skip


@contextmanager
def short_folder() -> Iterator[Path]:
    """A directory whose name is short enough for sockets and for podman."""
    path = Path(tempfile.mkdtemp(prefix="ai-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Daemon:
    """A running daemon. `address` is its socket's; `command` (of podman) shares its store."""

    address: str
    folder: Path
    command: tuple[object, ...] = ()


@contextmanager
def real_dockerd(*options: object, ready: object = None, driver: str = "vfs") -> Iterator[Daemon]:
    """A Docker daemon without network."""
    needs("dockerd", "containerd")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    with short_folder() as folder:
        path = folder / "d.sock"
        command = [
            "dockerd", f"--storage-driver={driver}", "--iptables=false", "--bridge=none",
            "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid",
            "-H", f"unix://{path}", *options,
        ]  # fmt: skip
        try:
            with started(command, folder / "log", ready or path):
                yield Daemon(f"unix://{path}", folder)
        finally:  # a daemon that was killed leaves its data mounted
            subprocess.run(["umount", "-q", str(folder / "data")], capture_output=True, check=False)


@contextmanager
def real_podman() -> Iterator[Daemon]:
    """podman's service on a socket."""
    needs("podman")
    with short_folder() as folder:
        path = folder / "p.sock"
        command = (
            "podman", "--root", folder / "root", "--runroot", folder / "run", "--storage-driver=vfs",
            "--cgroup-manager=cgroupfs", "--events-backend=none",
        )  # fmt: skip
        service = [*command, "system", "service", "--time=0", f"unix://{path}"]
        with started(service, folder / "log", path):
            yield Daemon(f"unix://{path}", folder, command)
