"""The words that pin where an image is looked for."""

import enum


class Scheme(enum.Enum):
    """Where to look. `NAME` is a bare name: the Docker daemon, then the registry."""

    NAME = ""
    DOCKER = "docker"
    PODMAN = "podman"
    REGISTRY = "registry"
    DOCKER_ARCHIVE = "docker-archive"
    OCI_ARCHIVE = "oci-archive"
    OCI_DIR = "oci-dir"
    DIR = "dir"
    REPORT = "report"
