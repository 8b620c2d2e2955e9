"""What a TREE of the command line means: an image where its scheme says so, else a path."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor import events
from auditor.budget import DEFAULT, Limits
from auditor.errors import UsageError
from auditor.files import exists
from auditor.image import Access, Scheme, load, parse
from auditor.kernel.source.imagetree import ImageSource, is_kernel_path
from auditor.kernel.source.interface import Source
from auditor.kernel.source.open import open_source

_ANONYMOUS = Access()


@contextmanager
def named_source(
    text: str,
    *,
    access: Access = _ANONYMOUS,
    listener: events.Listener = events.ignore,
    limits: Limits = DEFAULT,
) -> Iterator[Source]:
    """The source that the text names; an image's files can be read until the block ends.

    A path that exists wins over a scheme, as in `docker:` being a folder's name. UsageError for a saved report: it
    holds no kernel. Else what `open_source` or `load` raise.
    """
    scheme = Scheme.of(text)
    if scheme is Scheme.REPORT:
        raise UsageError("a saved report holds no kernel", text, "give it with --image")
    if scheme is Scheme.NAME or exists(Path(text)):
        yield open_source(Path(text))
        return
    with load(parse(text), listener=listener, keep=_keep, access=access, limits=limits) as image:
        yield ImageSource(image.tree, text)


def _keep(path: str, mode: int, size: int, head: bytes) -> bool:  # noqa: ARG001 - the path tells it
    return is_kernel_path(path)
