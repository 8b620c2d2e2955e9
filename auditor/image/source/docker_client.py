"""The docker SDK's client for an endpoint. Importing this module imports the SDK."""

from docker import APIClient  # type: ignore[import-untyped]
from docker.tls import TLSConfig  # type: ignore[import-untyped]

from auditor.image.source.docker_endpoint import Endpoint


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


def connect(endpoint: Endpoint, timeout: int) -> DaemonClient:
    """Ask the daemon for its version; `timeout` in seconds is for this and every later answer."""
    tls: TLSConfig | bool = False
    if endpoint.tls:
        pair = (endpoint.certificate, endpoint.key) if endpoint.certificate and endpoint.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=endpoint.ca, verify=endpoint.verify)
    return DaemonClient(base_url=endpoint.host, tls=tls, version="auto", timeout=timeout, use_ssh_client=True)
