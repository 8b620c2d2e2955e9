"""The docker SDK's client for an endpoint. Importing this module imports the SDK."""

import http.client
from typing import Any

from docker import APIClient  # type: ignore[import-untyped]
from docker.tls import TLSConfig  # type: ignore[import-untyped]

from auditor.image.source.docker_endpoint import Endpoint

_ANSWER = 16 << 20  # bytes of one answer that is read whole; the description of an image is a few KiB


class DaemonClient(APIClient):  # type: ignore[misc]
    """The SDK's client, which keeps to the certificate authority that it was given.

    Without this, REQUESTS_CA_BUNDLE in the environment would replace the daemon's own authority.
    """

    def send(self, request: Any, **options: Any) -> Any:
        """As requests does, but an answer that is read whole has an end. HTTPException where it has none."""
        streamed = options.get("stream")
        response = super().send(request, **{**options, "stream": True})
        if not streamed:
            response._content = _whole(response)
            response._content_consumed = True
        return response

    def merge_environment_settings(
        self, url: str, proxies: object, stream: object, verify: object, cert: object
    ) -> dict[str, object]:
        """As requests does, but for the authority."""
        settings: dict[str, object] = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self.verify is not True:
            settings["verify"] = self.verify
        return settings


def _whole(response: Any) -> bytes:
    parts = []
    left = _ANSWER
    with response:
        for part in response.iter_content(1 << 16):
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise http.client.HTTPException("its answer has no end")
    return b"".join(parts)


def connect(endpoint: Endpoint, timeout: int) -> DaemonClient:
    """Ask the daemon for its version; `timeout` in seconds is for this and every later answer."""
    tls: TLSConfig | bool = False
    if endpoint.tls:
        pair = (endpoint.certificate, endpoint.key) if endpoint.certificate and endpoint.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=endpoint.ca, verify=endpoint.verify)
    return DaemonClient(base_url=endpoint.host, tls=tls, version="auto", timeout=timeout, use_ssh_client=True)
