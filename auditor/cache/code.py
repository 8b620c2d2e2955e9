"""Which code it is that runs: what other code found may not be what this one finds."""

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import elftools
import packaging

_PACKAGE = Path(__file__).parents[1]


@cache
def code_version(package: Path = _PACKAGE) -> str:
    """A digest of every module of the package, of Python's version and of what names machines and compares versions for
    it; "" where the modules can't be read. What else it uses decompresses, and that is held to digests.

    Of the bytes, not of times or a version's name: the same code on another machine has the same, a change of one line
    in a checkout another one.
    """
    digest = hashlib.sha256(f"{sys.version} {elftools.__version__} {packaging.__version__}\n".encode())
    try:
        for path in _modules(str(package)):
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - 400 of them: each object costs
                data = file.read()
            digest.update(f"{path.removeprefix(str(package))} {len(data)}\n".encode())
            digest.update(data)
    except OSError:
        return ""
    return digest.hexdigest()


def _modules(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir()) for entry in entries)
    for name, below in found:
        if below:
            yield from _modules(f"{folder}/{name}")
        elif name.endswith(".py"):
            yield f"{folder}/{name}"
