"""The words that pin where an image is looked for: the register of sources."""

import enum


class Target(enum.Enum):
    """What stands behind a scheme's colon."""

    NAME = "NAME"
    FILE = "FILE"  # and perhaps :TAG or @DIGEST, where it holds several images
    WHOLE = "PATH"  # all of the text is the path


class Scheme(enum.Enum):
    """Where to look, one line each: the word, what follows it, and the module of `source/` that opens it.

    `NAME` is a bare name: the Docker daemon, then the registry. A saved report is no source of an image.
    """

    target: Target
    module: str

    NAME = "", Target.NAME, "bare_name"
    DOCKER = "docker", Target.NAME, "docker_daemon"
    PODMAN = "podman", Target.NAME, "podman"
    REGISTRY = "registry", Target.NAME, "registry"
    DOCKER_ARCHIVE = "docker-archive", Target.FILE, "docker_archive"
    OCI_ARCHIVE = "oci-archive", Target.FILE, "oci_archive"
    OCI_DIR = "oci-dir", Target.FILE, "oci_dir"
    DIR = "dir", Target.WHOLE, "directory"
    REPORT = "report", Target.WHOLE, ""

    def __new__(cls, word: str, target: Target, module: str) -> "Scheme":
        """The word is the value, so that `Scheme("dir")` finds it."""
        made = object.__new__(cls)
        made._value_ = word
        made.target = target
        made.module = module
        return made

    @classmethod
    def of(cls, text: str) -> "Scheme":
        """The scheme of a reference by its text alone; NAME where none of the words stands before its first colon."""
        word, colon, _ = text.partition(":")
        return next((scheme for scheme in cls if colon and scheme.value == word), cls.NAME)
