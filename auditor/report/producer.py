"""The program that writes a document."""

from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Producer:
    """A program by its name and version."""

    name: str
    version: str

    @classmethod
    def this(cls) -> "Producer":
        """Audit-image, as it is installed."""
        return cls("audit-image", version("audit-image"))
