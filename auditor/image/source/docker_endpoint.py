"""Which daemon the docker command would talk to, found without the SDK, so that an absent daemon costs nothing.

DOCKER_HOST with DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, else the context that DOCKER_CONTEXT or the config
file's `currentContext` names, else the local socket (docker(1), "Environment variables"; docker-context(1)). The SDK's
own reading of contexts falls back to the local daemon where a context is missing, and so might audit another image
than the one that was meant.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from auditor.errors import SourceUnavailable

LOCAL = "unix:///var/run/docker.sock"
_LIMIT = 1 << 20


class Endpoint(Struct, frozen=True):
    """A daemon's address. With `tls`, the files are PEM and None where there is none."""

    host: str
    tls: bool = False
    verify: bool = True
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def find(environment: Mapping[str, str]) -> Endpoint:
    """The daemon that the environment and the user's configuration name.

    SourceUnavailable where they name one that is not described, or a socket that is not there.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home()) / ".docker")
    host = environment.get("DOCKER_HOST", "")
    context = "" if host else environment.get("DOCKER_CONTEXT") or _current_context(folder / "config.json")
    if context and context != "default":
        endpoint = _of_context(folder / "contexts", context)
    else:
        verify = bool(environment.get("DOCKER_TLS_VERIFY"))
        endpoint = Endpoint(host or LOCAL)
        if verify or environment.get("DOCKER_TLS"):
            endpoint = _with_tls(endpoint.host, Path(environment.get("DOCKER_CERT_PATH") or folder), verify)
    check_socket(endpoint.host, "the Docker daemon", "docker")
    return endpoint


def check_socket(host: str, title: str, where: str) -> None:
    """SourceUnavailable where an address is a socket on this machine that does not exist."""
    path = host.removeprefix("unix://")
    if path == host:
        return
    try:
        os.stat(path)  # noqa: PTH116 - a name that no file can have is told apart
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        what = f"{title} does not answer (there is no {path})"
        raise SourceUnavailable(what, where, "start it, say where it is, or use another source") from error
    except OSError:
        return  # who connects learns why not


def _current_context(path: Path) -> str:
    current = _object(path).get("currentContext")
    return current if isinstance(current, str) else ""


def _of_context(folder: Path, context: str) -> Endpoint:
    identity = hashlib.sha256(context.encode()).hexdigest()
    endpoints = _object(folder / "meta" / identity / "meta.json").get("Endpoints")
    described = endpoints.get("docker") if isinstance(endpoints, dict) else None
    docker = described if isinstance(described, dict) else {}
    host = docker.get("Host")
    if not isinstance(host, str) or not host:
        raise SourceUnavailable(
            f"the Docker context {context!r} has no address", "docker", "look at docker context ls, or set DOCKER_HOST"
        )
    files = folder / "tls" / identity / "docker"
    return _with_tls(host, files, docker.get("SkipTLSVerify") is not True) if files.is_dir() else Endpoint(host)


def _with_tls(host: str, folder: Path, verify: bool) -> Endpoint:
    paths = [folder / f"{name}.pem" for name in ("ca", "cert", "key")]
    ca, certificate, key = (str(path) if path.is_file() else None for path in paths)
    return Endpoint(host, True, verify, ca, certificate, key)


def _object(path: Path) -> dict[str, object]:
    """A file's JSON object, empty where there is none."""
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(_LIMIT))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise SourceUnavailable("can't be read as JSON", str(path), "mend it, or set DOCKER_HOST") from error
    return values if isinstance(values, dict) else {}
