"""Package databases inside an image: what is installed, and which package owns a path."""

from auditor.packages.content import Verdict, verify, vouches_for
from auditor.packages.model import DatabaseWarning, OwnedFile, Package
from auditor.packages.read import Packages, read_packages

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
