"""podman's service, which speaks Docker's protocol: `podman system service`, or its systemd socket."""

import os
from collections.abc import Mapping
from pathlib import Path

from auditor.errors import SourceUnavailable
from auditor.image.reference import DEFAULT_HOST, Name, Reference
from auditor.image.source.docker_daemon import open_daemon
from auditor.image.source.docker_endpoint import Endpoint, check_socket
from auditor.image.source.interface import Options, Source


def open_source(reference: Reference, options: Options) -> Source:
    """The image that podman has under the reference's name."""
    name = reference.name
    assert name is not None
    where = f"podman:{name.familiar}"
    endpoint = Endpoint(_address(os.environ, where))
    check_socket(endpoint.host, "podman", where)
    return open_daemon(endpoint, _names(name), name, options, scheme="podman", title="podman")


def _names(name: Name) -> list[str]:
    """In full, since podman's short names depend on its configuration; then as podman calls what was built locally."""
    names = [str(name)]
    if name.host == DEFAULT_HOST:
        local = Name("localhost", name.repository.removeprefix("library/"), name.tag, name.digest)
        names.append(str(local))
    return names


def _address(environment: Mapping[str, str], where: str) -> str:
    """CONTAINER_HOST as podman takes it, else the user's socket, else the system's (podman-system-service(1))."""
    if named := environment.get("CONTAINER_HOST"):
        return named
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    places = [Path(runtime, "podman/podman.sock"), Path("/run/podman/podman.sock")]
    for path in places:
        if path.is_socket():
            return f"unix://{path}"
    raise SourceUnavailable(
        "podman's socket is not there",
        where,
        "start it with systemctl --user start podman.socket, or set CONTAINER_HOST",
    )
