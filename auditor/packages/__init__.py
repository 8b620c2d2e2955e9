"""Package databases inside an image: what is installed, and which package owns a path.

The names are imported when they are first used: who compares versions has no need of what reads databases.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.packages.content import Verdict, verify, vouches_for
    from auditor.packages.model import DatabaseWarning, OwnedFile, Package
    from auditor.packages.read import Packages, read_packages

_HOME_OF = {
    "DatabaseWarning": "model",
    "OwnedFile": "model",
    "Package": "model",
    "Packages": "read",
    "Verdict": "content",
    "read_packages": "read",
    "verify": "content",
    "vouches_for": "content",
}

__all__ = [
    "DatabaseWarning",
    "OwnedFile",
    "Package",
    "Packages",
    "Verdict",
    "read_packages",
    "verify",
    "vouches_for",
]


def __getattr__(name: str) -> object:
    """A name of the room, from the module that it lives in (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'auditor.packages' has no attribute '{name}'")
    return getattr(import_module(f"auditor.packages.{_HOME_OF[name]}"), name)
