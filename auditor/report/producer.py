"""The program that writes a document."""

from importlib.metadata import version

from msgspec import Struct


class Producer(Struct, frozen=True):
    """A program by its name and version."""

    name: str
    version: str

    @classmethod
    def this(cls) -> "Producer":
        """Audit-image, as it is installed."""
        return cls("audit-image", version("audit-image"))
