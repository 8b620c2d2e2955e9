"""Rules about an index of images."""

from auditor.rules.index import platforms

__all__ = ["platforms"]
