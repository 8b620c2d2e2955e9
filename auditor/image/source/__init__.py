"""Where images come from. A new source is a module with an `open_source` and one line in the table below."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from auditor.errors import UsageError
from auditor.image.reference import Reference
from auditor.image.scheme import Scheme
from auditor.image.source.interface import Options, Source

_MODULES = {
    Scheme.DOCKER: "docker_daemon",
    Scheme.DOCKER_ARCHIVE: "docker_archive",
    Scheme.OCI_ARCHIVE: "oci_archive",
    Scheme.OCI_DIR: "oci_dir",
    Scheme.DIR: "directory",
    Scheme.NAME: "bare_name",
    Scheme.PODMAN: "podman",
    Scheme.REGISTRY: "registry",
}


def open_source(reference: Reference, options: Options) -> Source:
    """The source that a reference names, opened; the caller closes it. Modules are imported only when used."""
    name = _MODULES.get(reference.scheme)
    if name is None:
        raise UsageError(f"{reference.scheme.value}: is no source of images", reference.text, "name an image")
    module = import_module(f"auditor.image.source.{name}")
    opener = cast(Callable[[Reference, Options], Source], module.open_source)
    return opener(reference, options)
