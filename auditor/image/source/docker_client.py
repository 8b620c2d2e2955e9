"""A client for the daemon that the docker command would talk to. Importing this module imports the docker SDK.

Which one that is: DOCKER_HOST, else the context that DOCKER_CONTEXT or the config file's `currentContext` names, else
the local socket (docker(1), "Environment variables"; docker-context(1)). The SDK's own reading of contexts falls back
to the local daemon where a context is missing, and so might audit another image than the one that was meant.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from docker import APIClient  # type: ignore[import-untyped]
from docker.tls import TLSConfig  # type: ignore[import-untyped]
from docker.utils import kwargs_from_env  # type: ignore[import-untyped]

from auditor.errors import SourceUnavailable

_LIMIT = 1 << 20


class DaemonClient(APIClient):  # type: ignore[misc]
    """The SDK's client, which keeps to the certificate authority that it was given.

    Without this, REQUESTS_CA_BUNDLE in the environment would replace the daemon's own authority.
    """

    def merge_environment_settings(
        self, url: str, proxies: object, stream: object, verify: object, cert: object
    ) -> dict[str, object]:
        """As requests does, but for the authority."""
        settings: dict[str, object] = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self.verify is not True:
            settings["verify"] = self.verify
        return settings


def from_environment(environment: Mapping[str, str], timeout: int) -> DaemonClient:
    """Connect as the docker command does; `timeout` in seconds is for each answer."""
    if environment.get("DOCKER_HOST"):
        return DaemonClient(version="auto", timeout=timeout, use_ssh_client=True, **kwargs_from_env(dict(environment)))
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home()) / ".docker")
    context = environment.get("DOCKER_CONTEXT") or _current_context(folder / "config.json")
    if context in ("", "default"):
        return DaemonClient(version="auto", timeout=timeout, **kwargs_from_env(dict(environment)))
    identity = hashlib.sha256(context.encode()).hexdigest()
    host, verify = _endpoint(folder / "contexts/meta" / identity / "meta.json", context)
    tls = _tls(folder / "contexts/tls" / identity / "docker", verify)
    return DaemonClient(base_url=host, tls=tls, version="auto", timeout=timeout, use_ssh_client=True)


def _current_context(path: Path) -> str:
    current = _object(path).get("currentContext")
    return current if isinstance(current, str) else ""


def _endpoint(path: Path, context: str) -> tuple[str, bool]:
    """A context's address, and whether its server's certificate is to be checked."""
    endpoints = _object(path).get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = docker.get("Host") if isinstance(docker, dict) else None
    if not isinstance(docker, dict) or not isinstance(host, str) or not host:
        raise SourceUnavailable(
            f"the Docker context {context!r} has no address", "docker", "look at docker context ls, or set DOCKER_HOST"
        )
    return host, docker.get("SkipTLSVerify") is not True


def _tls(folder: Path, verify: bool) -> TLSConfig | None:
    names = [folder / f"{name}.pem" for name in ("ca", "cert", "key")]
    ca, cert, key = (str(path) if path.is_file() else None for path in names)
    if not (ca or cert):
        return None
    return TLSConfig(client_cert=(cert, key) if cert and key else None, ca_cert=ca, verify=verify)


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
