"""Rules about one image."""

from auditor.rules.image import entrypoint, extensions, kernel_floor, libraries, loading, packages, tools

__all__ = ["entrypoint", "extensions", "kernel_floor", "libraries", "loading", "packages", "tools"]
