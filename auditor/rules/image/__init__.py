"""Rules about one image."""

from auditor.rules.image import cpu_floor, entrypoint, extensions, kernel_floor, libraries, loading, packages, tools

__all__ = ["cpu_floor", "entrypoint", "extensions", "kernel_floor", "libraries", "loading", "packages", "tools"]
