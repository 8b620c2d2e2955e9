"""Where images come from. A new source is a module with an `open_source`, and one line in `auditor/image/scheme.py`."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from auditor.errors import UsageError
from auditor.image.reference import Reference
from auditor.image.source.interface import Options, Source


def open_source(reference: Reference, options: Options) -> Source:
    """The source that a reference names, opened; the caller closes it. Modules are imported only when used."""
    scheme = reference.scheme
    if not scheme.module:
        raise UsageError(f"{scheme.value}: is no source of images", reference.text, "name an image")
    module = import_module(f"auditor.image.source.{scheme.module}")
    opener = cast(Callable[[Reference, Options], Source], module.open_source)
    return opener(reference, options)
